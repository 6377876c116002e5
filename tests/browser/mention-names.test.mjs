import assert from "node:assert/strict";
import test from "node:test";

import { mentionsOf, namesIn } from "../../web/chat/composer/mention-names.js";

const ids = { ann: "A", "bob.": "B", "carl-1": "C", room: "R" };
const known = (name) => ids[name] ?? null;
const idsIn = (text, options = {}) => mentionsOf(text, { idOf: known, isModerator: false, ...options }).ids;

test("names are found outside of code, addresses and words", () => {
  assert.deepEqual(namesIn("Hi @Ann, (@bob) ann@example.test x@you `@code` ```\n@fence\n``` @ab"), [["ann"], ["bob"]]);
});

test("a name's last dot, dash or underscore may be of the sentence", () => {
  assert.deepEqual(idsIn("Ask @ann. Or @bob. Or _@carl-1_"), ["A", "B", "C"]);
  assert.deepEqual(idsIn("@ann-"), ["A"]);
});

test("names of nobody mention nobody, and each person once", () => {
  assert.deepEqual(idsIn("@ann @ANN @nobody"), ["A"]);
});

test("@room is everybody from moderators alone", () => {
  assert.deepEqual(idsIn("@room", { isModerator: true }), ["room"]);
  assert.deepEqual(idsIn("@room"), ["R"]);
});

test("what is not known is to be asked for", () => {
  const idOf = (name) => (name === "ann" ? "A" : undefined);
  assert.deepEqual(mentionsOf("@ann @dora.", { idOf, isModerator: false }), { ids: ["A"], unknown: ["dora.", "dora"] });
});
