import assert from "node:assert/strict";
import test from "node:test";

import { memoryStorage } from "../../web/client/storage.js";
import { DraftStorage } from "../../web/chat/composer/draft-storage.js";

function drafts(storage = memoryStorage(), options = {}) {
  let now = 0;
  return new DraftStorage({ storage, prefix: "chat.", now: () => (now += 1), ...options });
}

test("a draft is kept for its user and place", () => {
  const storage = memoryStorage();
  drafts(storage).write("ann", "room", { text: "hello" });
  const again = drafts(storage);
  assert.equal(again.read("ann", "room").text, "hello");
  assert.equal(again.read("bob", "room"), null);
  assert.equal(again.read("ann", "room/thread"), null);
  again.write("ann", "room", null);
  assert.equal(again.read("ann", "room"), null);
});

test("the newest drafts are kept", () => {
  const storage = memoryStorage();
  const kept = drafts(storage, { max: 3 });
  for (const room of ["one", "two", "three"]) kept.write("ann", room, { text: room });
  kept.write("ann", "one", { text: "changed" });
  kept.write("ann", "four", { text: "four" });
  const texts = ["one", "two", "three", "four"].map((room) => kept.read("ann", room)?.text ?? null);
  assert.deepEqual(texts, ["changed", null, "three", "four"]);
});

test("a storage that is full, or refused, is made up for in memory", () => {
  const refuse = () => {
    throw new Error("refused");
  };
  const full = { ...memoryStorage(), setItem: refuse };
  const blocked = { getItem: refuse, setItem: refuse, removeItem: refuse, key: refuse };
  for (const storage of [full, blocked]) {
    const kept = drafts(storage, { max: 2 });
    for (const room of ["one", "two", "three"]) kept.write("ann", room, { text: room });
    const texts = ["one", "two", "three"].map((room) => kept.read("ann", room)?.text ?? null);
    assert.deepEqual(texts, [null, "two", "three"]);
    kept.clear();
    assert.equal(kept.read("ann", "three"), null);
  }
});

test("no draft of another user stays, and nothing else is touched", () => {
  const storage = memoryStorage();
  storage.setItem("chat.session", "{}");
  const kept = drafts(storage);
  kept.write("ann", "room", { text: "of ann" });
  kept.write("anna", "room", { text: "of anna" });
  kept.keepOnly("ann");
  assert.equal(kept.read("anna", "room"), null);
  assert.equal(kept.read("ann", "room").text, "of ann");
  kept.clear();
  assert.deepEqual(storage.keys(), ["chat.session"]);
});

test("a key of the storage names a place of its user alone", () => {
  const kept = drafts();
  assert.equal(kept.placeOf("chat.draft.ann/room/thread", "ann"), "room/thread");
  assert.equal(kept.placeOf("chat.draft.bob/room", "ann"), null);
  assert.equal(kept.placeOf(null, "ann"), null);
});
