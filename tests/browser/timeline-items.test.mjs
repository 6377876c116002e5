import assert from "node:assert/strict";
import { test } from "node:test";

import { seqsOf } from "../../web/chat/timeline/timeline-rows.js";
import { TimelineItems } from "../../web/chat/timeline/timeline-items.js";

const me = { id: "u1", username: "ann" };
const at = (seq, userId, minute, more = {}) => ({
  seq,
  userId,
  id: `m${seq}`,
  type: "text",
  createdAt: new Date(2026, 2, more.day ?? 1, 10, minute).toISOString(),
  ...more,
});
const authors = new Map();

function arrange(items, messages, options = {}) {
  return items.arrange({
    messages,
    unsent: [],
    me,
    newFrom: null,
    editingId: null,
    today: "today",
    authorOf: ({ userId }) => authors.get(userId) ?? authors.set(userId, { id: userId, name: userId }).get(userId),
    repliesOf: () => null,
    quotedOf: () => null,
    mentionedBy: () => [],
    reactorsOf: () => [],
    waitOf: () => null,
    isHidden: () => false,
    ...options,
  });
}

const kinds = (items) => items.map(({ kind, follows }) => (follows ? "follows" : kind));

test("messages of one person within five minutes form a group, and each day begins with a line", () => {
  const messages = [at(1, "u1", 0), at(2, "u1", 4), at(3, "u1", 6), at(4, "u2", 6), at(5, "u2", 7, { day: 2 })];
  assert.deepEqual(kinds(arrange(new TimelineItems(), messages)), [
    ...["day", "message", "follows", "message", "message"],
    ...["day", "message"],
  ]);
});

test("the line above new messages appears once, and keys are unique", () => {
  const createdAt = new Date(2026, 2, 1, 10, 9).getTime();
  const unsent = [{ clientId: "c", roomId: "r", content: "x", createdAt, state: "waiting" }];
  const messages = [at(1, "u2", 0), at(2, "u2", 1), at(3, "u2", 2)];
  const items = arrange(new TimelineItems(), messages, { unsent, newFrom: 2 });
  assert.deepEqual(kinds(items), ["day", "message", "new", "message", "follows", "message"]);
  assert.equal(new Set(items.map(({ key }) => key)).size, items.length);
});

test("an item that shows the same is the same object, and only what has changed is another", () => {
  const timeline = new TimelineItems();
  const messages = [at(1, "u1", 0), at(2, "u2", 1), at(3, "u2", 2)];
  const before = arrange(timeline, messages);
  assert.ok(arrange(timeline, messages).every((item, n) => item === before[n]));
  const edited = messages.with(1, { ...messages[1], content: "edited" });
  const after = arrange(timeline, [...edited, at(4, "u2", 3)]);
  assert.deepEqual(
    before.map((item, n) => item === after[n]),
    [true, true, false, true],
  );
  const names = arrange(timeline, edited, { reactorsOf: ({ seq }) => (seq === 3 ? ["Ben"] : []) });
  assert.notEqual(names[3], after[3]);
});

test("a day is named again when another day begins", () => {
  const timeline = new TimelineItems();
  const [day, message] = arrange(timeline, [at(1, "u1", 0)]);
  const [other, same] = arrange(timeline, [at(1, "u1", 0)].with(0, message.message), { today: "tomorrow" });
  assert.notEqual(other, day);
  assert.equal(other.key, day.key);
  assert.equal(same, message);
});

test("what blocked people wrote one after the other is one row, and a group does not go on after it", () => {
  const messages = [at(1, "u1", 0), at(2, "bad", 1), at(3, "bad", 2), at(4, "u1", 3)];
  const items = arrange(new TimelineItems(), messages, { isHidden: ({ userId }) => userId === "bad" });
  assert.deepEqual(kinds(items), ["day", "message", "hidden", "message"]);
  assert.deepEqual(
    items[2].messages.map(({ seq }) => seq),
    [2, 3],
  );
});

test("replies of one thread are one row of the room, and ordinary rows of the thread", () => {
  const messages = [at(1, "u1", 0), at(2, "u2", 1, { threadId: "m1" }), at(3, "u1", 2, { threadId: "m1" })];
  const items = arrange(new TimelineItems(), messages);
  assert.deepEqual(kinds(items), ["day", "message", "replies"]);
  assert.deepEqual(
    items[2].authors.map(({ id }) => id),
    ["u2", "u1"],
  );
  assert.deepEqual(kinds(arrange(new TimelineItems(), messages, { isThread: true })).slice(1), [
    "message",
    "message",
    "message",
  ]);
});

test("replies right under their root have no row to see where it tells of them, and are seen with its end", () => {
  const reply = (seq, minute, more) => at(seq, "u2", minute, { threadId: "m1", ...more });
  const repliesOf = ({ id }) => (id === "m1" ? { count: 2, lastSeq: 3, lastAt: null, isUnread: false } : null);
  const messages = [at(1, "u1", 0), reply(2, 1), reply(3, 2), at(4, "u1", 3), reply(5, 4), at(6, "u1", 8)];
  const timeline = new TimelineItems();
  const items = arrange(timeline, messages, { repliesOf });
  assert.deepEqual(kinds(items), ["day", "message", "replies", "follows", "replies", "message"]);
  assert.deepEqual([items[2].rootKey, items[4].rootKey], [items[1].key, null]);
  assert.deepEqual(items.map(seqsOf), [[], [1], [2, 3], [4], [5], [6]]);
  assert.ok(arrange(timeline, messages, { repliesOf }).every((item, n) => item === items[n]));
  const shown = (more, options) => arrange(new TimelineItems(), more, { repliesOf, ...options }).at(-1).rootKey;
  assert.equal(shown([at(1, "u1", 0), reply(2, 1)], { repliesOf: () => null }), null);
  assert.equal(shown([at(1, "u1", 0), reply(2, 1)], { newFrom: 2 }), null);
  assert.equal(shown([at(1, "u1", 0), reply(2, 1, { day: 2 })]), null);
});

test("a message that waits for the server's limit is drawn again with each second", () => {
  const timeline = new TimelineItems();
  const entry = { clientId: "c", roomId: "r", content: "x", createdAt: 0, state: "waiting", error: { code: "limit" } };
  const of = (seconds) => arrange(timeline, [], { unsent: [entry], waitOf: () => seconds }).at(-1);
  const first = of(3);
  assert.equal(of(3), first);
  assert.equal(of(2).waitS, 2);
});
