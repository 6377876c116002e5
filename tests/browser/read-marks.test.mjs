import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence } from "../../web/client/presence.js";

test("read marks only grow, until the server comes back from a backup with fewer messages", async () => {
  const sent = [];
  const command = async (event, { seq }) => sent.push(seq);
  const connection = Object.assign(new EventTarget(), { isOnline: true, command });
  const presence = new Presence({ connection, timed: () => 0 });
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  presence.read("r", 9);
  await settled();
  presence.read("r", 8);
  presence.forgetRead("r");
  presence.read("r", 3);
  await settled();
  assert.deepEqual(sent, [9, 3]);
});

test("what the server answers to a read mark is told: how many are unread and mention the user", async () => {
  const answer = { roomId: "r", readSeq: 9, unreadCount: 4, mentionCount: 1 };
  const connection = Object.assign(new EventTarget(), { isOnline: true, command: async () => answer });
  const presence = new Presence({ connection, timed: () => 0 });
  const told = [];
  presence.addEventListener("read", ({ detail }) => told.push(detail));
  presence.read("r", 9);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(told, [answer]);
});
