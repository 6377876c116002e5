import assert from "node:assert/strict";
import { test } from "node:test";

import { Rooms } from "../../web/client/rooms.js";

const ROOM = { id: "r", name: "Tea", lastSeq: 3, readSeq: 1, unreadCount: 2, mentionCount: 1, rev: 4, role: "member" };
const NOTHING_MISSED = { missed: [], truncated: false, changes: [], changesTruncated: false, reset: false };
const message = (seq, rev = 0, more = {}) => ({
  id: `r-${seq}`,
  roomId: "r",
  seq,
  rev,
  userId: "other",
  content: `${seq}@${rev}`,
  mentions: [],
  ...more,
});

/** A connection that acks each joinRoom as `ack` says, and on which a test says what the server sends. */
class FakeConnection extends EventTarget {
  isOnline = true;
  joins = [];

  constructor(ack) {
    super();
    this.ack = ack;
  }

  async command(event, data, { onAck }) {
    this.joins.push(data);
    onAck(this.ack(data));
  }

  say(event, data) {
    this.dispatchEvent(new CustomEvent("event", { detail: { event, data } }));
  }

  reconnect() {
    this.isOnline = false;
    this.dispatchEvent(new Event("state"));
    this.isOnline = true;
    this.dispatchEvent(new Event("welcome"));
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Rooms with one room of the user `me`, joined and loaded unless `isOpen` is false. */
async function opened({ isOpen = true, acks = [], pages = [], lists = [], room = ROOM } = {}) {
  const answers = [{ room, seq: 3, rev: 4, ...NOTHING_MISSED }, ...acks];
  const connection = new FakeConnection(() => structuredClone(answers.shift()));
  const listings = [room, ...lists];
  const history = [[message(1), message(2), message(3)], ...pages];
  const api = {
    get: async (path) =>
      path === "rooms"
        ? structuredClone({ rooms: [listings.length > 1 ? listings.shift() : listings[0]], nextCursor: null })
        : { messages: history.length > 1 ? history.shift() : history[0], hasMore: false, rev: 4 },
  };
  const rooms = new Rooms({ connection, api, userId: "me", random: () => 0, subscriptionsMax: isOpen ? 20 : 0 });
  const events = [];
  for (const name of ["list", "messages", "closed"]) rooms.addEventListener(name, () => events.push(name));
  await rooms.refresh();
  if (isOpen) await rooms.open("r");
  const take = () => events.splice(0);
  take();
  const state = () => rooms.get("r");
  const contents = () => state().timeline.messages.map(({ content }) => content);
  return { connection, rooms, take, state, contents };
}

test("changes of messages are shown by rev, and those of messages that are not loaded change nothing", async () => {
  const { connection, take, contents, state } = await opened();
  connection.say("messageEdited", { roomId: "r", rev: 5, message: message(2, 5) });
  connection.say("reactionUpdated", { roomId: "r", rev: 6, message: message(3, 6) });
  connection.say("messageEdited", { roomId: "r", rev: 5, message: message(3, 5) });
  assert.deepEqual(contents(), ["1@0", "2@5", "3@6"]);
  assert.deepEqual(take(), ["messages", "messages", "list"], "the last message is shown in the list, too");
  connection.say("messageEdited", { roomId: "r", rev: 7, message: message(99, 7) });
  connection.say("messageEdited", { roomId: "none", rev: 7, message: message(1, 7, { roomId: "none" }) });
  assert.deepEqual(take(), []);
  assert.equal(state().timeline.rev, 7);
});

test("the message of a reply is shown, and the changes before it are still asked for", async () => {
  const { rooms, contents, state } = await opened();
  rooms.show(message(2, 9));
  assert.deepEqual(contents(), ["1@0", "2@9", "3@0"]);
  assert.equal(state().timeline.rev, 4);
});

test("a deleted message is shown as one and counts as no mention any more", async () => {
  const { connection, state, rooms, take } = await opened({ room: { ...ROOM, mentionCount: 2 } });
  rooms.get("r").timeline.merge([message(2, 5, { mentions: ["me"] }), message(3, 6, { mentions: ["room"] })]);
  const deletion = { roomId: "r", rev: 7, message: message(2, 7, { content: null, deletedAt: "2026-01-01" }) };
  connection.say("messageDeleted", deletion);
  assert.equal(state().mentions, 1);
  assert.deepEqual(take(), ["messages", "list"]);
  connection.say("messageDeleted", deletion);
  assert.equal(state().mentions, 1, "once");
  connection.say("messageDeleted", { roomId: "r", rev: 8, message: message(1, 8, { deletedAt: "2026-01-01" }) });
  assert.equal(state().mentions, 1, "not for what is read or was no mention");
  connection.say("messageDeleted", { roomId: "r", rev: 9, message: message(3, 9, { deletedAt: "2026-01-01" }) });
  assert.equal(state().mentions, 0);
});

test("a rejoin asks from the rev that is known, and takes what it missed", async () => {
  const changes = [{ rev: 6, message: message(2, 6) }];
  const missed = [message(4)];
  const { connection, contents, state } = await opened({
    acks: [{ room: { ...ROOM, lastSeq: 4 }, seq: 4, rev: 7, ...NOTHING_MISSED, missed, changes }],
  });
  connection.say("messageEdited", { roomId: "r", rev: 5, message: message(1, 5) });
  connection.reconnect();
  await settled();
  assert.deepEqual(connection.joins.at(-1), { roomId: "r", since: 3, sinceRev: 5 });
  assert.deepEqual(contents(), ["1@5", "2@6", "3@0", "4@0"]);
  assert.equal(state().timeline.rev, 7);
});

test("where too much has changed, what is shown is loaded again", async () => {
  const { connection, contents } = await opened({
    acks: [{ room: ROOM, seq: 3, rev: 900, ...NOTHING_MISSED, changesTruncated: true }],
    pages: [[message(1, 100), message(2, 200), message(3, 900)]],
  });
  connection.reconnect();
  await settled();
  assert.deepEqual(contents(), ["1@100", "2@200", "3@900"]);
});

test("roomActivity moves the unread counts of rooms that are not joined, never back", async () => {
  const { connection, state, take } = await opened({ isOpen: false });
  const active = (lastSeq) =>
    connection.say("roomActivity", {
      rooms: [
        { roomId: "r", lastSeq },
        { roomId: "unknown", lastSeq },
      ],
    });
  active(9);
  assert.equal(state().unread, 8);
  assert.deepEqual(take(), ["list"]);
  active(7);
  assert.equal(state().unread, 8);
  assert.deepEqual(take(), []);
});

test("mentions count once, also when roomActivity came first, and none after they are read", async () => {
  const { connection, state } = await opened({ isOpen: false });
  connection.say("roomActivity", { rooms: [{ roomId: "r", lastSeq: 5 }] });
  connection.say("mention", { message: message(4, 0, { mentions: ["me"] }) });
  connection.say("mention", { message: message(5, 0, { mentions: ["room"] }) });
  connection.say("mention", { message: message(5, 0, { mentions: ["room"] }) });
  assert.equal(state().mentions, 3);
  connection.say("messageReadUpdate", { roomId: "r", readSeq: 5, unreadCount: 0, mentionCount: 0 });
  assert.deepEqual([state().unread, state().mentions], [0, 0]);
  connection.say("messageReadUpdate", { roomId: "r", readSeq: 4, unreadCount: 1, mentionCount: 1 });
  assert.deepEqual([state().unread, state().mentions], [0, 0], "a read mark never goes back");
});

test("the mentions after the part that was read stay counted, those in it do not", async () => {
  const room = { ...ROOM, readSeq: 0, unreadCount: 3, mentionCount: 2 };
  const { rooms, state } = await opened({ room });
  rooms.get("r").timeline.merge([message(1, 5, { mentions: ["me"] }), message(3, 5, { mentions: ["room"] })]);
  rooms.onRead({ roomId: "r", readSeq: 2 });
  assert.deepEqual([state().unread, state().mentions], [1, 1]);
  rooms.onRead({ roomId: "r", readSeq: 3 });
  assert.deepEqual([state().unread, state().mentions], [0, 0]);
});

test("mentions that are not held stay counted until the server says how many are left", async () => {
  const { rooms, connection, state } = await opened({ isOpen: false, room: { ...ROOM, lastSeq: 9, mentionCount: 2 } });
  rooms.onRead({ roomId: "r", readSeq: 8 });
  assert.equal(state().mentions, 1, "no more than are unread");
  rooms.onRead({ roomId: "r", readSeq: 8, unreadCount: 1, mentionCount: 0 });
  assert.equal(state().mentions, 0);
  connection.say("mention", { message: message(10, 0, { mentions: ["me"] }) });
  rooms.onRead({ roomId: "r", readSeq: 8, unreadCount: 1, mentionCount: 0 });
  assert.equal(state().mentions, 1, "it was counted before the mention came");
  rooms.onRead({ roomId: "r", readSeq: 8, unreadCount: 3, mentionCount: 2 });
  connection.say("mention", { message: message(11, 0, { mentions: ["me"] }) });
  assert.equal(state().mentions, 2, "it was counted after that mention came");
});

test("new settings of a room are taken over, older ones are not, and a room that was left stays away", async () => {
  const { connection, rooms, state } = await opened();
  const settings = (name, rev) => ({ room: { id: "r", name, lastSeq: 3, rev } });
  connection.say("roomUpdated", settings("Coffee", 8));
  connection.say("roomUpdated", settings("Milk", 7));
  assert.deepEqual([state().room.name, state().room.role], ["Coffee", "member"]);
  connection.say("mention", { message: message(4, 0, { mentions: ["me"] }) });
  assert.equal(state().mentions, 2, "settings say nothing of mentions");
  connection.say("roomClosed", { roomId: "r", reason: "banned" });
  connection.say("roomUpdated", settings("Water", 9));
  assert.equal(rooms.get("r"), null);
});

test("settings that come without the other person of a direct room leave that person known", async () => {
  const { connection, state } = await opened({ room: { ...ROOM, kind: "direct", peer: { id: "bob" } } });
  connection.say("roomUpdated", { room: { ...ROOM, kind: "direct", rev: 8, peer: null } });
  connection.say("roomUpdated", { room: { id: "r", name: "", lastSeq: 3, rev: 9 } });
  assert.equal(state().room.peer.id, "bob");
});

const BACKUP = { ...ROOM, name: "Cocoa", lastSeq: 2, readSeq: 0, unreadCount: 2, mentionCount: 1, rev: 1 };

test("after a restored backup a room is as the server has it, and follows what changes from there", async () => {
  const { connection, state, contents, rooms } = await opened({
    room: { ...ROOM, readSeq: 3, unreadCount: 0, mentionCount: 0 },
    lists: [BACKUP],
    acks: [{ room: BACKUP, seq: 2, rev: 1, ...NOTHING_MISSED, reset: true }],
    pages: [[message(1), message(2)]],
  });
  const resets = [];
  rooms.addEventListener("joined", ({ detail }) => resets.push(detail.isReset));
  connection.reconnect();
  await settled();
  assert.deepEqual(contents(), ["1@0", "2@0"]);
  assert.deepEqual([state().unread, state().mentions, resets], [2, 1, [true]]);
  connection.say("roomUpdated", { room: { id: "r", name: "Juice", rev: 2, lastSeq: 2, archivedAt: null } });
  connection.say("roomUpdated", { room: { ...BACKUP, name: "Juice", rev: 3, role: "moderator" } });
  assert.deepEqual([state().room.name, state().room.role], ["Juice", "moderator"]);
  connection.say("receiveMessage", message(3));
  connection.say("mention", { message: message(3, 0, { mentions: ["me"] }) });
  assert.deepEqual([state().unread, state().mentions], [3, 2]);
});

test("a rejoin of the same connection that finds a restored backup takes the room as it is there", async () => {
  const { connection, state } = await opened({
    acks: [{ room: BACKUP, seq: 2, rev: 1, ...NOTHING_MISSED, reset: true }],
  });
  connection.say("receiveMessage", message(5));
  await settled();
  assert.deepEqual([state().room.name, state().room.rev, state().unread], ["Cocoa", 1, 2]);
});

test("after a restored backup also a room that is joined but not loaded counts from what the server has", async () => {
  const { connection, state, rooms } = await opened({
    isOpen: false,
    lists: [ROOM, BACKUP],
    acks: [{ room: BACKUP, seq: 2, rev: 1, ...NOTHING_MISSED }],
  });
  rooms.subscriptionsMax = 20;
  connection.reconnect();
  await settled();
  connection.reconnect();
  await settled();
  assert.deepEqual(connection.joins, [{ roomId: "r" }, { roomId: "r" }]);
  assert.deepEqual([state().room.name, state().unread, state().mentions], ["Cocoa", 2, 1]);
});

test("a rejoin without a reset takes back no read mark of this page that the server does not have yet", async () => {
  const { connection, state, rooms } = await opened({ acks: [{ room: ROOM, seq: 3, rev: 4, ...NOTHING_MISSED }] });
  rooms.onRead({ roomId: "r", readSeq: 3, mentionCount: 0 });
  connection.reconnect();
  await settled();
  assert.deepEqual([state().unread, state().mentions], [0, 0]);
});

test("a deletion that a reply shows before its event comes counts as no mention any more, once", async () => {
  const { connection, state, rooms, take } = await opened({ room: { ...ROOM, mentionCount: 2 } });
  state().timeline.merge([message(2, 5, { mentions: ["me"] })]);
  const deleted = message(2, 7, { content: null, deletedAt: "2026-01-01" });
  rooms.show(deleted);
  assert.deepEqual(take(), ["messages", "list"]);
  connection.say("messageDeleted", { roomId: "r", rev: 7, message: deleted });
  assert.deepEqual([state().mentions, state().timeline.rev], [1, 7]);
});

test("a room that was left for another holds its newest messages, however long it is not opened", async () => {
  const { connection, rooms, state, contents } = await opened();
  for (let seq = 4; seq <= 250; seq += 1) connection.say("receiveMessage", message(seq));
  assert.equal(contents().length, 250);
  await rooms.open("another");
  for (let seq = 251; seq <= 900; seq += 1) connection.say("receiveMessage", message(seq));
  assert.deepEqual([contents().length, contents().at(-1), state().unread], [200, "900@0", 899]);
});

test("a room is shown as read until that ends, with the counts of before or without, whatever comes meanwhile", async () => {
  const { rooms, connection } = await opened({ isOpen: false });
  const counts = () => [rooms.get("r").unread, rooms.get("r").mentions, rooms.get("r").room.unreadCount];
  assert.deepEqual(counts(), [2, 1, 2]);
  const end = rooms.get("r").showRead(3);
  assert.deepEqual(counts(), [0, 0, 2]);
  connection.say("roomActivity", { rooms: [{ roomId: "r", lastSeq: 4 }] });
  assert.deepEqual(counts(), [1, 1, 3]);
  const endSecond = rooms.get("r").showRead(4);
  end();
  assert.deepEqual(counts(), [0, 0, 3], "the second still holds");
  endSecond();
  assert.deepEqual(counts(), [3, 1, 3]);
});
