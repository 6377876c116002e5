import assert from "node:assert/strict";
import { test } from "node:test";

import { hueOf, HUES, initialsOf, lengthOf, typingLabel } from "../../web/ui/text.js";

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
