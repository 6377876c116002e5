import assert from "node:assert/strict";
import { test } from "node:test";

import { dayLabel, hueOf, HUES, initialsOf, lengthOf, mentionsIn, pieces, typingLabel } from "../../web/ui/text.js";
import { arrange } from "../../web/chat/timeline-items.js";

const kinds = (content, isName) => pieces(content, isName).map(({ kind, text }) => `${kind}:${text}`);

test("the pieces of a message are the whole message", () => {
  for (const content of ["", "a", "https://a.b/c. And @ann, too.", "@ann@bob a@b.cc @x <b>", "(https://a.b/(c)) 😀 @ann."]) {
    assert.equal(pieces(content).map(({ text }) => text).join(""), content);
  }
});

test("links end where the sentence goes on, and only http and https are links", () => {
  assert.deepEqual(kinds("see https://a.b/c?d=e#f, please"), ["text:see ", "link:https://a.b/c?d=e#f", "text:, please"]);
  assert.deepEqual(kinds("javascript:alert(1) data:text/html,x"), ["text:javascript:alert(1) data:text/html,x"]);
  assert.deepEqual(kinds("(https://a.b/(c))"), ["text:(", "link:https://a.b/(c)", "text:)"]);
});

test("a name is a mention when somebody is called so, and an address is none", () => {
  const isName = (name) => ["ann", "j.r."].includes(name);
  assert.deepEqual(kinds("@ann. @j.r. @nobody ann@ann.org", isName), ["mention:@ann", "text:. ", "mention:@j.r.", "text: @nobody ann@ann.org"]);
});

test("mentions are ids, each once, whatever the case, at most fifty", () => {
  const ids = new Map([["ann", "u1"], ["bob", "u2"]]);
  assert.deepEqual(mentionsIn("@Ann @bob @ANN @eve", ids), ["u1", "u2"]);
  const many = new Map(Array.from({ length: 80 }, (_, index) => [`user${index}`, `u${index}`]));
  assert.equal(mentionsIn([...many.keys()].map((name) => `@${name}`).join(" "), many).length, 50);
});

test("length is counted as the server counts it", () => {
  assert.equal(lengthOf("a😀é"), 3);
});

test("colours and initials belong to the person", () => {
  assert.equal(hueOf("u1"), hueOf("u1"));
  assert.ok(new Set(Array.from({ length: 200 }, (_, index) => hueOf(`u${index}`))).size === HUES);
  assert.deepEqual(["maya", "tomas.k", "Ann Maria Lee", "😀x", "..."].map(initialsOf), ["M", "TK", "AL", "😀", "?"]);
});

test("days have the names people give them", () => {
  const now = new Date(2026, 2, 1, 0, 5);
  assert.equal(dayLabel(new Date(2026, 2, 1, 0, 1), now), "Today");
  assert.equal(dayLabel(new Date(2026, 1, 28, 23, 59), now), "Yesterday");
  assert.match(dayLabel(new Date(2025, 1, 28), now), /2025/);
});

test("who is typing is said in one line however many they are", () => {
  assert.deepEqual([[], ["Ann"], ["Ann", "Bob"], ["a", "b", "c"]].map(typingLabel), ["", "Ann is typing…", "Ann and Bob are typing…", "Several people are typing…"]);
});

const me = { id: "u1", username: "ann" };
const at = (seq, userId, minute, day = 1) => ({ seq, userId, type: "text", createdAt: new Date(2026, 2, day, 10, minute).toISOString() });

test("messages of one person within five minutes are a group, and a day begins with a line", () => {
  const items = arrange([at(1, "u1", 0), at(2, "u1", 4), at(3, "u1", 6), at(4, "u2", 6), at(5, "u2", 7, 2)], [], { me });
  assert.deepEqual(items.map(({ kind, follows }) => (kind === "day" ? "day" : follows)), ["day", false, true, false, false, "day", false]);
});

test("the line above what is new is drawn once, and keys are unique", () => {
  const unsent = [{ clientId: "c", roomId: "r", content: "x", createdAt: new Date(2026, 2, 1, 10, 9).getTime(), state: "waiting" }];
  const items = arrange([at(1, "u2", 0), at(2, "u2", 1), at(3, "u2", 2)], unsent, { me, newFrom: 2 });
  assert.deepEqual(items.map(({ kind }) => kind), ["day", "message", "new", "message", "message", "message"]);
  assert.equal(new Set(items.map(({ key }) => key)).size, items.length);
});
