import assert from "node:assert/strict";
import { test } from "node:test";

import { Timeline } from "../../web/client/timeline.js";

const message = (seq, rev = 0) => ({ id: `r-${seq}`, seq, rev, content: `${seq}@${rev}`, clientId: `c${seq}` });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
const seqs = (timeline) => timeline.messages.map(({ seq }) => seq);

function at(head, held = []) {
  const timeline = new Timeline({ max: 10 });
  timeline.reset({ seq: head, rev: 0 });
  timeline.merge(held);
  return timeline;
}

test("live messages are kept in order, each once", () => {
  const timeline = at(0);
  assert.equal(timeline.receive(message(1)), "added");
  assert.equal(timeline.receive(message(2)), "added");
  assert.equal(timeline.receive(message(2)), "old");
  assert.equal(timeline.receive(message(1)), "old");
  assert.deepEqual(seqs(timeline), [1, 2]);
});

test("a message after a gap is refused, so that the gap is loaded", () => {
  const timeline = at(3, range(1, 3));
  assert.equal(timeline.receive(message(5)), "gap");
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
  timeline.resume({ seq: 5, rev: 0, missed: range(4, 5), changes: [] });
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
});

test("a page that overlaps live messages creates no duplicates", () => {
  const timeline = at(4);
  timeline.receive(message(5));
  timeline.merge(range(2, 5));
  assert.deepEqual(seqs(timeline), [2, 3, 4, 5]);
  assert.equal(timeline.hasOlder, true);
  timeline.merge(range(1, 1));
  assert.equal(timeline.hasOlder, false);
});

test("merging a page that does not adjoin keeps the newer messages and leaves no gap", () => {
  const timeline = at(3, range(1, 3));
  timeline.resume({ seq: 9, rev: 0, missed: range(7, 9), changes: [] });
  assert.deepEqual(seqs(timeline), [7, 8, 9]);
  assert.equal(timeline.hasOlder, true);
  timeline.merge([...range(1, 3), ...range(4, 6)]);
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("of two copies the one with the greater rev is kept, in any order", () => {
  const timeline = at(2, range(1, 2));
  assert.equal(timeline.change(7, message(1, 7)), true);
  assert.equal(timeline.change(5, message(1, 5)), false);
  assert.equal(timeline.messages[0].rev, 7);
  assert.equal(timeline.rev, 7);
  timeline.merge([message(1, 3)]);
  assert.equal(timeline.messages[0].rev, 7);
  timeline.merge([message(1, 9)]);
  assert.equal(timeline.messages[0].rev, 9);
  assert.equal(timeline.change(10, null), false);
  assert.equal(timeline.rev, 10);
});

test("missed changes are applied when resuming", () => {
  const timeline = at(2, range(1, 2));
  timeline.resume({
    seq: 3,
    rev: 4,
    missed: [message(3)],
    changes: [
      { rev: 3, message: message(2, 3) },
      { rev: 4, message: null },
    ],
  });
  assert.deepEqual(
    timeline.messages.map(({ rev }) => rev),
    [0, 3, 0],
  );
  assert.equal(timeline.rev, 4);
});

test("the number of messages is bounded: live messages replace the oldest", () => {
  const timeline = at(0);
  for (const one of range(1, 25)) timeline.receive(one);
  assert.deepEqual(seqs(timeline), seqs({ messages: range(16, 25) }));
  assert.equal(timeline.hasOlder, true);
});

test("loading old messages drops the newest, counts live ones, and reaches the head again without a gap", () => {
  const timeline = at(30, range(21, 30));
  timeline.merge(range(16, 20), { keep: "oldest" });
  assert.deepEqual(seqs(timeline), seqs({ messages: range(16, 25) }));
  assert.equal(timeline.isDetached, true);
  assert.equal(timeline.receive(message(31)), "counted");
  assert.equal(timeline.head, 31);
  timeline.merge(range(26, 31));
  assert.deepEqual(seqs(timeline), seqs({ messages: range(22, 31) }));
  assert.equal(timeline.isDetached, false);
});

test("a room that begins after seq 1 has nothing older once a page says so", () => {
  const timeline = at(9, range(5, 9));
  assert.equal(timeline.hasOlder, true);
  timeline.merge([], { begins: true });
  assert.equal(timeline.hasOlder, false);
});

test("a reset drops all messages", () => {
  const timeline = at(9, range(5, 9));
  timeline.reset({ seq: 4, rev: 2 });
  assert.deepEqual(seqs(timeline), []);
  assert.equal(timeline.receive(message(5)), "added");
});

test("a change that comes before a page with the older copy is not lost", () => {
  const timeline = at(9, range(7, 9));
  assert.equal(timeline.change(3, message(5, 3)), false, "it is not loaded");
  timeline.merge(range(4, 6), { keep: "oldest" });
  assert.deepEqual(
    timeline.messages.map(({ rev }) => rev),
    [0, 3, 0, 0, 0, 0],
  );
});

test("a change that comes before its message is not lost either", () => {
  const timeline = at(0);
  timeline.show(message(1, 2));
  timeline.receive(message(1));
  assert.equal(timeline.get(1).rev, 2);
  assert.equal(timeline.rev, 0, "a copy from a reply says nothing of the changes before it");
});

test("copies that are kept for later are bounded, the newest stay", () => {
  const timeline = at(1000);
  for (let seq = 1; seq <= 500; seq += 1) timeline.change(seq, message(seq, seq));
  timeline.merge(range(1, 1));
  timeline.merge(range(500, 500));
  assert.equal(timeline.get(500).rev, 500);
  timeline.reset({ seq: 1000, rev: 500 });
  timeline.merge(range(1, 1));
  assert.equal(timeline.get(1).rev, 0);
});

const contents = (timeline) => timeline.messages.map(({ content }) => content);

test("what is laid over a message is shown until it ends, over each copy that comes meanwhile", () => {
  const timeline = at(2, range(1, 2));
  const [first] = timeline.messages;
  const end = timeline.overlay(1, { content: "mine" });
  assert.deepEqual(contents(timeline), ["mine", "2@0"]);
  assert.notEqual(timeline.messages[0], first, "another object, so that a view sees the difference");
  timeline.change(5, message(1, 5));
  timeline.merge(range(1, 2));
  timeline.receive(message(3));
  assert.deepEqual(contents(timeline), ["mine", "2@0", "3@0"]);
  assert.equal(timeline.messages[0].rev, 5, "the order of the changes is that of the server");
  assert.equal(timeline.stored(1).content, "1@5");
  assert.equal(end(), true);
  assert.equal(end(), false);
  assert.deepEqual(contents(timeline), ["1@5", "2@0", "3@0"]);
});

test("several changes of a message are laid over it in their order, and end in any", () => {
  const timeline = at(1, range(1, 1));
  const endFirst = timeline.overlay(1, { content: "a" });
  timeline.overlay(1, ({ content }) => ({ content: `${content}b` }));
  assert.deepEqual(contents(timeline), ["ab"]);
  endFirst();
  assert.deepEqual(contents(timeline), ["1@0b"]);
  timeline.endOverlays();
  assert.deepEqual(contents(timeline), ["1@0"]);
});

test("a message that is loaded later is shown as the user has changed it", () => {
  const timeline = at(9, range(7, 9));
  assert.equal(timeline.overlay(5, { isHidden: true })(), false);
  timeline.overlay(5, { isHidden: true });
  timeline.merge(range(4, 6), { keep: "oldest" });
  assert.deepEqual(seqs(timeline), [4, 5, 6, 7, 8, 9]);
  assert.equal(timeline.get(5).isHidden, true);
  timeline.trim(3);
  assert.deepEqual(seqs(timeline), [7, 8, 9]);
});

test("what is laid over messages is bounded: the oldest ends", () => {
  const timeline = at(9, range(1, 9));
  for (let seq = 1; seq <= 101; seq += 1) timeline.overlay(seq, { content: "mine" });
  assert.deepEqual(contents(timeline).slice(0, 3), ["1@0", "mine", "mine"]);
});

test("a page from elsewhere takes the place of what is loaded; from there the head is reached without a gap", () => {
  const timeline = at(100, range(95, 100));
  timeline.moveTo(range(40, 45));
  assert.deepEqual(seqs(timeline), [40, 41, 42, 43, 44, 45]);
  assert.deepEqual([timeline.isDetached, timeline.hasOlder, timeline.head], [true, true, 100]);
  assert.equal(timeline.receive(message(101)), "counted");
  timeline.merge(range(46, 50));
  assert.deepEqual(seqs(timeline), seqs({ messages: range(41, 50) }));
  timeline.moveTo(range(1, 6), { begins: true });
  assert.equal(timeline.hasOlder, false);
  timeline.moveTo([]);
  assert.equal(timeline.first, 1);
});

test("a page that adjoins what is loaded is added to it, with the newer copies of both", () => {
  const timeline = at(30, range(25, 30));
  timeline.change(7, message(25, 7));
  timeline.change(8, message(20, 8));
  timeline.moveTo(range(20, 25));
  assert.deepEqual(seqs(timeline), seqs({ messages: range(20, 29) }), "the end of the page is kept");
  assert.deepEqual([timeline.get(20).rev, timeline.get(25).rev], [8, 7]);
  timeline.moveTo(range(30, 31));
  assert.deepEqual(seqs(timeline), seqs({ messages: range(22, 31) }));
  assert.equal(timeline.isDetached, false);
});
