import assert from "node:assert/strict";
import { test } from "node:test";

import { ReadTracker } from "../../web/chat/timeline/read-tracker.js";

test("what was on the screen is read as far as nothing is left out", () => {
  const tracker = new ReadTracker(10);
  assert.equal(tracker.see([11, 12]), true);
  assert.equal(tracker.readSeq, 12);
  assert.equal(tracker.see([15, 16]), false); // one has jumped over 13 and 14
  assert.equal(tracker.readSeq, 12);
  assert.equal(tracker.see([14, 13]), true);
  assert.equal(tracker.readSeq, 16);
});

test("what was read elsewhere, or marked as read, is read", () => {
  const tracker = new ReadTracker(0);
  tracker.see([5, 6]);
  tracker.readUpTo(4);
  assert.equal(tracker.readSeq, 6);
  tracker.readUpTo(3);
  assert.equal(tracker.readSeq, 6);
});

test("after the server came back from a backup, what was seen counts no more", () => {
  const tracker = new ReadTracker(9);
  tracker.see([11, 12]);
  tracker.reset(2);
  tracker.see([3]);
  assert.equal(tracker.readSeq, 3);
});

test("what is remembered is bounded", () => {
  const tracker = new ReadTracker(0);
  tracker.see(Array.from({ length: 20_000 }, (_, n) => n + 2));
  tracker.see([1]);
  assert.ok(tracker.readSeq <= 5001);
});
