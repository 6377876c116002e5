import assert from "node:assert/strict";
import { test } from "node:test";

import { Rooms } from "../../web/client/rooms.js";

const settled = () => new Promise((resolve) => setTimeout(resolve));
const roomOf = (id, lastSeq = 3) => ({ id, name: id, lastSeq, readSeq: 1, mentionCount: 0, rev: 0, role: "member" });
const message = (roomId, seq, rev = 0) => ({ id: `${roomId}-${seq}`, roomId, seq, rev, userId: "bob", mentions: [] });
const range = (roomId, from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(roomId, from + index));

/** Rooms on a server that has `rooms`, each with messages up to its `lastSeq`. They are offline until `connect()`. */
function made(rooms, { changes = [], isComplete = true } = {}) {
  const connection = Object.assign(new EventTarget(), { isOnline: false, joins: [] });
  connection.command = async (_, { roomId, since, sinceRev }, { onAck }) => {
    connection.joins.push({ roomId, since, sinceRev });
    const room = rooms.find(({ id }) => id === roomId);
    const missed = since === undefined ? [] : range(roomId, since + 1, room.lastSeq);
    const nothing = { truncated: false, changesTruncated: false, reset: false };
    onAck({ room, seq: room.lastSeq, rev: 9, missed, changes, ...nothing });
  };
  const api = {
    get: async (path, { roomId }) => {
      if (path === "rooms") return structuredClone({ rooms, nextCursor: isComplete ? null : "more" });
      const { lastSeq } = rooms.find(({ id }) => id === roomId);
      return { messages: range(roomId, Math.max(1, lastSeq - 49), lastSeq), hasMore: lastSeq > 50, rev: 9 };
    },
  };
  const held = new Rooms({ connection, api, userId: "me", random: () => 0 });
  const connect = async () => {
    connection.isOnline = true;
    connection.dispatchEvent(new Event("welcome"));
    await settled();
  };
  const events = [];
  for (const name of ["list", "messages", "closed", "message"]) held.addEventListener(name, () => events.push(name));
  const seqs = (id) => held.get(id).timeline.messages.map(({ seq }) => seq);
  return { rooms: held, connection, connect, seqs, events };
}

/** The snapshot, as it comes out of a store, of a page that had opened these rooms. */
async function stored(rooms) {
  const page = made(rooms);
  await page.connect();
  for (const { id } of rooms) await page.rooms.open(id);
  return JSON.parse(JSON.stringify(page.rooms.snapshot()));
}

test("what was held is shown without a connection, as stale, and resumed from", async () => {
  const snapshot = await stored([roomOf("a"), roomOf("b")]);
  assert.deepEqual([snapshot.timelines[0].roomId, snapshot.timelines[1].roomId], ["b", "a"]);
  const edited = { ...message("a", 2, 9), content: "edited" };
  const { rooms, connection, connect, seqs, events } = made([roomOf("a", 5), roomOf("b")], {
    changes: [{ rev: 9, message: edited }],
  });
  rooms.restore(snapshot);
  await rooms.open("a");
  assert.deepEqual([seqs("a"), rooms.get("a").unread, rooms.get("a").isStale], [[1, 2, 3], 2, true]);
  await connect();
  assert.deepEqual(connection.joins[0], { roomId: "a", since: 3, sinceRev: 9 });
  assert.deepEqual([seqs("a"), rooms.get("a").unread, rooms.get("a").isStale], [[1, 2, 3, 4, 5], 4, false]);
  assert.equal(rooms.get("a").timeline.get(2).content, "edited");
  assert.ok(!events.includes("message"), "what came while no page was open is no news");
});

test("a room that the list lacks is dropped, but not because the list is cut", async () => {
  const snapshot = await stored([roomOf("a"), roomOf("b")]);
  const { rooms, connect, events } = made([roomOf("a")]);
  rooms.restore(snapshot);
  await connect();
  assert.equal(rooms.get("b"), null);
  assert.ok(events.includes("closed"));
  const cut = made([roomOf("a")], { isComplete: false });
  cut.rooms.subscriptionsMax = 1;
  cut.rooms.restore(snapshot);
  await cut.connect();
  assert.ok(cut.rooms.get("b"));
});

test("a room that nobody looks at, with more than a page of new messages, is not resumed from", async () => {
  const snapshot = await stored([roomOf("a"), roomOf("b")]);
  const { rooms, connection, connect, seqs } = made([roomOf("a", 200), roomOf("b", 200)]);
  rooms.restore(snapshot);
  await rooms.open("a");
  await connect();
  assert.deepEqual(
    connection.joins.map(({ roomId, since }) => [roomId, since]),
    [
      ["a", 3],
      ["b", undefined],
    ],
  );
  assert.deepEqual([seqs("a").length, rooms.get("b").isLoaded], [200, false]);
  await rooms.open("b");
  assert.deepEqual([seqs("b").length, seqs("b").at(-1)], [50, 200]);
});

test("a snapshot is bounded, and holds what the server has, not what is laid over it", async () => {
  const page = made(Array.from({ length: 40 }, (_, number) => roomOf(`r${number}`, 80)));
  await page.connect();
  for (const { room } of page.rooms.all) await page.rooms.open(room.id);
  page.rooms.overlay(message("r39", 80), { content: "mine" });
  const { rooms, timelines } = page.rooms.snapshot();
  assert.deepEqual([rooms.length, timelines.length, timelines[0].messages.length], [40, 30, 50]);
  assert.deepEqual(timelines[0].messages.at(-1), message("r39", 80));
});

test("what is not of a snapshot's shape is left out, and once the list is read nothing is restored", async () => {
  const { rooms, connect } = made([roomOf("a")]);
  for (const snapshot of [{}, { rooms: "x", timelines: 3 }, { rooms: [null, { id: 4 }], timelines: [{}, null] }]) {
    rooms.restore(snapshot);
  }
  assert.equal(rooms.all.length, 0);
  rooms.restore({ rooms: [roomOf("a")], timelines: [{ roomId: "a", head: 7, rev: 0, messages: [message("a", 3)] }] });
  assert.deepEqual([rooms.get("a").isStale, rooms.get("a").isLoaded], [true, false], "it is not whole");
  await connect();
  assert.equal(rooms.get("a").isStale, false);
  rooms.restore({ rooms: [roomOf("z")], timelines: [] });
  assert.equal(rooms.get("z"), null);
});
