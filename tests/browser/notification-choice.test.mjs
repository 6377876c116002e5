// Of which messages the user is notified, and what a notification says.
import assert from "node:assert/strict";
import { test } from "node:test";

import { isToBeTold, notificationText } from "../../web/chat/notification-choice.js";

const MESSAGE = { seq: 5, type: "text", userId: "bob", content: "hello", mentions: [], deletedAt: null };
const SITUATION = {
  room: { id: "r", kind: "room", readSeq: 3 },
  level: "all",
  me: { id: "ann", status: "online" },
  blocks: new Set(["eve"]),
  since: 4,
  isShown: false,
};
const told = (message = {}, situation = {}) =>
  isToBeTold({ ...MESSAGE, ...message }, { ...SITUATION, ...situation });

test("the level of a room decides of which of its messages", () => {
  const mentioned = [{ mentions: ["ann"] }, { mentions: ["bob", "room"] }];
  assert.equal(told(), true);
  assert.equal(told({}, { level: "mentions" }), false);
  for (const message of mentioned) {
    assert.equal(told(message, { level: "mentions" }), true);
    assert.equal(told(message, { level: "none" }), false);
  }
  assert.equal(told({ mentions: ["bob"] }, { level: "mentions" }), false);
});

test("nobody is notified of what they see, wrote, have read, or do not want to hear", () => {
  const quiet = [
    [{}, { isShown: true }],
    [{}, { me: { id: "ann", status: "busy" } }],
    [{ userId: "ann" }, {}],
    [{ userId: "eve", mentions: ["ann"] }, {}],
    [{ deletedAt: "2026-01-01T00:00:00Z", content: null }, {}],
    [{ type: "system" }, {}],
    [{}, { room: { ...SITUATION.room, readSeq: 5 } }],
    [{}, { since: 5 }],
  ];
  for (const [message, situation] of quiet) assert.equal(told(message, situation), false);
});

test("a notification says who wrote, where, and the beginning of what", () => {
  const about = { author: "Bob", room: SITUATION.room, roomName: "Kitchen", count: 1 };
  const text = (message, more = {}) => notificationText({ ...MESSAGE, ...message }, { ...about, ...more });
  assert.deepEqual(text({ content: "**hello**\n\n> you" }), { title: "Bob in Kitchen", body: "hello you" });
  assert.equal(text({}, { count: 3 }).title, "Bob in Kitchen (3 new)");
  assert.equal(text({}, { room: { kind: "direct" } }).title, "Bob");
  assert.equal(text({ content: "", attachments: [{ name: "list.txt" }] }).body, "list.txt");
  const { body } = text({ content: "😀".repeat(500) });
  assert.ok([...body].length <= 160 && body.endsWith("😀…"));
});
