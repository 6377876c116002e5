import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { MessageChanges } from "../../web/client/message-changes.js";
import { Timeline } from "../../web/client/timeline.js";

const NOTHING = { attachments: [], reactions: {}, deletedAt: null };
const FIRST = { id: "r-1", roomId: "r", seq: 1, rev: 0, content: "one", ...NOTHING };

/** Changes by the user `me` of one loaded message, whose commands a test answers: `acked(message)`, `refused(code)`. */
function made(first = FIRST) {
  const timeline = new Timeline();
  timeline.reset({ seq: 1, rev: 0 });
  timeline.merge([first]);
  const rooms = {
    findMessage: (id) => timeline.held.find((one) => one.id === id) ?? null,
    overlay: ({ seq }, change) => timeline.overlay(seq, change),
    show: (message) => timeline.show(message),
  };
  const threads = { findMessage: () => null, overlay: () => () => {} };
  const commands = [];
  const connection = {
    isOnline: true,
    command: (event, data, { onAck }) =>
      new Promise((resolve, reject) => {
        const acked = (fields) => {
          onAck({ message: { ...first, ...fields } });
          resolve({ message: { ...first, ...fields } });
        };
        commands.push({ event, data, acked, refused: (code) => reject(new ChatError({ code })) });
      }),
  };
  const changes = new MessageChanges({ connection, rooms, threads, userId: "me", now: () => 0 });
  return { changes, connection, commands, timeline, shown: () => timeline.messages[0] };
}

test("an edit is shown at once, and the server's copy replaces it", async () => {
  const { changes, commands, shown } = made();
  const editing = changes.edit("r-1", "two");
  assert.deepEqual([shown().content, shown().pending, shown().rev], ["two", "edit", 0]);
  const [{ event, data, acked }] = commands;
  assert.deepEqual([event, data], ["editMessage", { messageId: "r-1", content: "two" }]);
  acked({ content: "two", rev: 4 });
  assert.equal((await editing).rev, 4);
  assert.deepEqual([shown().content, shown().pending, shown().rev], ["two", undefined, 4]);
});

test("of two edits the later is shown until both are answered", async () => {
  const { changes, commands, shown } = made();
  const editing = [changes.edit(FIRST, "two"), changes.edit(FIRST, "three")];
  commands[0].acked({ content: "two", rev: 1 });
  await editing[0];
  assert.equal(shown().content, "three");
  commands[1].acked({ content: "three", rev: 2 });
  await editing[1];
  assert.deepEqual([shown().content, shown().pending], ["three", undefined]);
});

test("a refusal takes back what was shown", async () => {
  const { changes, commands, shown } = made();
  const removing = changes.remove(FIRST);
  assert.deepEqual([shown().content, shown().pending], [null, "remove"]);
  assert.ok(shown().deletedAt);
  commands[0].refused("forbidden");
  await assert.rejects(removing, { code: "forbidden" });
  assert.equal(shown(), FIRST);
});

test("an edit is not shown over a deletion that comes meanwhile", async () => {
  const { changes, commands, timeline, shown } = made();
  const editing = changes.edit(FIRST, "two");
  timeline.change(3, { ...FIRST, rev: 3, content: null, deletedAt: "2026-01-01" });
  assert.equal(shown().content, null);
  commands[0].refused("message_not_found");
  await assert.rejects(editing, { code: "message_not_found" });
});

test("a reaction is added to those of others, also to one that comes meanwhile, and counts once", async () => {
  const { changes, commands, timeline, shown } = made();
  const reacting = changes.react(FIRST, "👍");
  assert.deepEqual(shown().reactions, { "👍": { count: 1, userIds: ["me"] } });
  timeline.change(1, { ...FIRST, rev: 1, reactions: { "👍": { count: 1, userIds: ["bob"] } } });
  assert.deepEqual(shown().reactions["👍"], { count: 2, userIds: ["bob", "me"] });
  const both = { reactions: { "👍": { count: 2, userIds: ["bob", "me"] } }, rev: 2 };
  timeline.change(2, { ...FIRST, ...both });
  assert.deepEqual(shown().reactions["👍"], { count: 2, userIds: ["bob", "me"] });
  commands[0].acked(both);
  await reacting;
  const ending = changes.unreact(FIRST, "👍");
  assert.deepEqual(shown().reactions["👍"], { count: 1, userIds: ["bob"] });
  commands[1].refused("rate_limited");
  await assert.rejects(ending, { code: "rate_limited" });
  assert.equal(shown().reactions["👍"].count, 2);
});

test("the last reaction takes its kind with it, and one that is named like a property of objects is one", async () => {
  const { changes, shown } = made({ ...FIRST, reactions: { "👍": { count: 1, userIds: ["me"] } } });
  void changes.unreact(FIRST, "👍").catch(() => {});
  assert.deepEqual(shown().reactions, {});
  void changes.react(FIRST, "constructor").catch(() => {});
  assert.deepEqual(shown().reactions.constructor, { count: 1, userIds: ["me"] });
});

test("without a connection nothing is shown, and a change fails with `network`", async () => {
  const { changes, connection, commands, shown } = made();
  connection.isOnline = false;
  await assert.rejects(changes.edit(FIRST, "two"), { code: "network" });
  assert.deepEqual([shown(), commands], [FIRST, []]);
});
