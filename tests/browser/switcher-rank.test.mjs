import assert from "node:assert/strict";
import { test } from "node:test";

import { fit, rank } from "../../web/chat/dialogs/switcher-rank.js";

const named = (name, unread = 0) => ({ name, unread });
const ranked = (entries, query) => rank(entries, query).map(({ name }) => name);

test("a name fits best by its beginning, then by a word's, then inside, then by its letters in order", () => {
  assert.deepEqual(
    ["Kitchen", "Old kitchen", "Bakit", "Kind of it", "Garden"].map((name) => fit(name, "kit")),
    [0, 1, 2, 3, Infinity],
  );
});

test("case and accents make no difference", () => {
  assert.equal(fit("Élan", "ela"), 0);
  assert.equal(fit("elan", "ÉLA"), 0);
});

test("the best comes first, then what is unread, then by name, and what does not fit is left out", () => {
  const entries = [named("Bakit"), named("Kit B"), named("Garden"), named("Kit C", 2), named("Kit A")];
  assert.deepEqual(ranked(entries, "kit"), ["Kit C", "Kit A", "Kit B", "Bakit"]);
});

test("without a query all are there, with what is unread first", () => {
  assert.deepEqual(ranked([named("b"), named("c", 1), named("a")], ""), ["c", "a", "b"]);
});
