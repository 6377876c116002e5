import assert from "node:assert/strict";
import { test } from "node:test";

import { hueOf, HUES, initialsOf, lengthOf, mentionsIn, pieces, typingLabel } from "../../web/ui/text.js";

const kinds = (content, isName) => pieces(content, isName).map(({ kind, text }) => `${kind}:${text}`);

test("the parts of a message add up to the message", () => {
  for (const content of [
    "",
    "a",
    "https://a.b/c. And @ann, too.",
    "@ann@bob a@b.cc @x <b>",
    "(https://a.b/(c)) 😀 @ann.",
  ]) {
    assert.equal(
      pieces(content)
        .map(({ text }) => text)
        .join(""),
      content,
    );
  }
});

test("a link ends before trailing punctuation, and only http and https are links", () => {
  assert.deepEqual(kinds("see https://a.b/c?d=e#f, please"), [
    "text:see ",
    "link:https://a.b/c?d=e#f",
    "text:, please",
  ]);
  assert.deepEqual(kinds("javascript:alert(1) data:text/html,x"), ["text:javascript:alert(1) data:text/html,x"]);
  assert.deepEqual(kinds("(https://a.b/(c))"), ["text:(", "link:https://a.b/(c)", "text:)"]);
});

test("a name is a mention if a user has it, and an email address is no mention", () => {
  const isName = (name) => ["ann", "j.r."].includes(name);
  assert.deepEqual(kinds("@ann. @j.r. @nobody ann@ann.org", isName), [
    "mention:@ann",
    "text:. ",
    "mention:@j.r.",
    "text: @nobody ann@ann.org",
  ]);
});

test("mentions are unique ids, case-insensitive, at most fifty", () => {
  const ids = new Map([
    ["ann", "u1"],
    ["bob", "u2"],
  ]);
  assert.deepEqual(mentionsIn("@Ann @bob @ANN @eve", ids), ["u1", "u2"]);
  const many = new Map(Array.from({ length: 80 }, (_, index) => [`user${index}`, `u${index}`]));
  assert.equal(mentionsIn([...many.keys()].map((name) => `@${name}`).join(" "), many).length, 50);
});

test("the length is in code points, as on the server", () => {
  assert.equal(lengthOf("a😀é"), 3);
});

test("colours and initials depend on id and name", () => {
  assert.equal(hueOf("u1"), hueOf("u1"));
  assert.ok(new Set(Array.from({ length: 200 }, (_, index) => hueOf(`u${index}`))).size === HUES);
  assert.deepEqual(["maya", "tomas.k", "Ann Maria Lee", "😀x", "..."].map(initialsOf), ["M", "TK", "AL", "😀", "?"]);
});

test("an initial is a whole letter: with its accents, and a flag or a family as one", () => {
  assert.deepEqual(["e\u0301va", "👩‍👩‍👧 Lee", "🇳🇴"].map(initialsOf), ["E\u0301", "👩‍👩‍👧L", "🇳🇴"]);
});

test("the line about typing has a form for any number of people", () => {
  assert.deepEqual([[], ["Ann"], ["Ann", "Bob"], ["a", "b", "c"]].map(typingLabel), [
    "",
    "Ann is typing…",
    "Ann and Bob are typing…",
    "Several people are typing…",
  ]);
});
