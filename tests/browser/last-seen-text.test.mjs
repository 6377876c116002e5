// What is stored of what was last seen: whole snapshots of a bounded length.
import assert from "node:assert/strict";
import { test } from "node:test";

import { LastSeenText, snapshotFrom } from "../../web/chat/last-seen-text.js";

const timelineOf = (roomId, count, content = "hello") => ({
  roomId,
  head: count,
  rev: 0,
  messages: Array.from({ length: count }, (_, index) => ({ seq: index + 1, content })),
});
const snapshotOf = (...timelines) => ({ version: 1, user: { id: "u" }, settings: {}, blocks: [], rooms: [], timelines });

test("a snapshot comes back as it was", () => {
  const text = new LastSeenText();
  for (const timelines of [[], [timelineOf("a", 3)], [timelineOf("a", 3), timelineOf("b", 0)]]) {
    const snapshot = snapshotOf(...timelines);
    assert.deepEqual(snapshotFrom(text.of(snapshot)), snapshot);
  }
});

test("of the timelines those that were opened last stay, as far as there is space", () => {
  const text = new LastSeenText({ max: 3500 });
  const written = text.of(snapshotOf(...["a", "b", "c", "d"].map((roomId) => timelineOf(roomId, 50))));
  assert.ok(written.length <= 3500);
  assert.deepEqual(
    snapshotFrom(written).timelines.map(({ roomId }) => roomId),
    ["a", "b"],
  );
  assert.equal(new LastSeenText({ max: 50 }).of(snapshotOf()), null);
});

test("what has changed since the last time is written anew", () => {
  const text = new LastSeenText();
  const timeline = timelineOf("a", 3);
  text.of(snapshotOf(timeline));
  const edited = { ...timeline, rev: 1, messages: timeline.messages.with(1, { seq: 2, content: "edited" }) };
  assert.deepEqual(snapshotFrom(text.of(snapshotOf(edited))).timelines, [edited]);
  const shown = { ...edited, messages: edited.messages.with(0, { seq: 1, content: "by a reply" }) };
  assert.deepEqual(snapshotFrom(text.of(snapshotOf(shown))).timelines, [shown]);
});

test("what is no snapshot is none", () => {
  for (const text of [null, "", "{", 'nul"']) assert.equal(snapshotFrom(text), null);
});
