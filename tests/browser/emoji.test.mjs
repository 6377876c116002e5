import assert from "node:assert/strict";
import { test } from "node:test";

import { isEmoji, loadEmoji, replaceShortcodes } from "../../web/ui/emoji.js";

const table = await loadEmoji();

test("each entry is one emoji of at most 32 bytes, and each emoji and shortcode stands there once", () => {
  assert.ok(table.entries.length >= 400, String(table.entries.length));
  const names = table.entries.flatMap(({ shortcodes }) => shortcodes);
  const twice = (list) => list.filter((value, index) => list.indexOf(value) !== index);
  assert.deepEqual(twice(names), []);
  assert.deepEqual(twice(table.entries.map(({ emoji }) => emoji)), []);
  for (const { emoji, shortcodes } of table.entries) {
    assert.ok(isEmoji(emoji) && new TextEncoder().encode(emoji).length <= 32, emoji);
    for (const name of shortcodes) assert.match(name, /^[a-z0-9_+-]{1,32}$/);
  }
});

test("a search finds the shortcode first, then what begins so, words and parts", () => {
  const found = (query, limit) => table.search(query, limit).map(({ emoji }) => emoji);
  assert.equal(found("+1")[0], "👍");
  assert.equal(found(":Heart")[0], "❤️");
  assert.ok(found("thanks").includes("🙏"));
  assert.equal(found("a", 5).length, 5);
  assert.deepEqual(found("nothing so"), []);
});

test("shortcodes become emoji when a message is sent, but not in code and addresses", () => {
  const sent = (text) => replaceShortcodes(text, table);
  assert.equal(sent("ok :+1: :thumbsup::tada: :nobody:"), "ok 👍 👍🎉 :nobody:");
  assert.equal(sent("`:+1:` :+1: ```\n:+1:\n``` https://a.b/:+1: 12:100:30"), "`:+1:` 👍 ```\n:+1:\n``` https://a.b/:+1: 12:100:30");
  assert.equal(sent("` :+1:"), "` 👍");
});

test("what is text is no emoji", () => {
  for (const text of ["", "a", "1", "#", "©", "😀😀", "😀a", ":+1:"]) assert.equal(isEmoji(text), false, text);
  for (const text of ["😀", "👍🏽", "🇳🇴", "1️⃣", "👩‍👩‍👧", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]) assert.equal(isEmoji(text), true, text);
});
