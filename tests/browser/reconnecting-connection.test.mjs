import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { Connection } from "../../web/client/reconnecting-connection.js";
import { Rooms } from "../../web/client/rooms.js";
import { memoryStorage } from "../../web/client/storage.js";
import { Tokens } from "../../web/client/tokens.js";

const MOST_MS = 2 ** 31 - 1; // the longest delay of a timer
const RENEWED_AFTER_MS = 720_000; // of a lifetime of 900 s
const ROOM = { id: "r", name: "Kitchen", lastSeq: 0, readSeq: 0 };
const NOTHING_MISSED = {
  room: ROOM,
  seq: 0,
  rev: 0,
  missed: [],
  truncated: false,
  changes: [],
  changesTruncated: false,
  reset: false,
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A connection to a fake server, with timers and a wall clock that the test advances separately. */
async function online({ lifetimeS = 900, refresh = null, random = () => 0, isSilent = false } = {}) {
  const clock = { ms: 10_000_000, timed: 0 };
  const sent = [];
  let pairs = 0;
  let tokenReads = 0;
  const pair = () => ({
    user: { id: "u" },
    accessToken: `a${++pairs}`,
    refreshToken: `r${pairs}`,
    expiresIn: lifetimeS,
  });
  const tokens = new (class extends Tokens {
    getAccessToken(options) {
      tokenReads += 1;
      return super.getAccessToken(options);
    }
  })({ storage: memoryStorage(), refresh: refresh ?? (async () => pair()), now: () => clock.ms });
  tokens.adopt(pair());
  let socket = null;
  class Socket {
    constructor() {
      socket = this;
    }
    send(text) {
      const frame = JSON.parse(text);
      sent.push(frame);
      if (frame.event === "heartbeat" && !isSilent) say("ack", {}, frame.id);
    }
    close() {}
  }
  const connection = new Connection({
    url: "ws://chat.test/ws",
    tokens,
    WebSocket: Socket,
    now: () => clock.ms,
    timed: () => clock.timed,
    random,
  });
  const say = (event, data, id) => socket.onmessage({ data: JSON.stringify({ event, id, data }) });
  connection.start();
  await settle();
  const welcome = () => say("welcome", { connectionId: "c", heartbeatInterval: 100_000 });
  welcome();
  /** Advance the timers by `ms`, and the wall clock by `ms` minus `less`. */
  const pass = async (ms, { less = 0 } = {}) => {
    clock.ms += ms - less;
    clock.timed += ms;
    mock.timers.tick(ms);
    await settle();
  };
  const close = (code) => socket.onclose({ code });
  const waits = () => connection.retryAt - clock.ms;
  const asked = (event) => sent.filter((frame) => frame.event === event);
  const hear = (data) => socket.onmessage({ data });
  return { connection, tokens, say, hear, welcome, close, waits, pass, asked, tokenReads: () => tokenReads };
}

test("a token is renewed when it is due and sent to the server", async () => {
  const { pass, asked } = await online();
  await pass(RENEWED_AFTER_MS);
  assert.deepEqual(
    asked("authenticate").map(({ data }) => data.token),
    ["a2"],
  );
  await pass(RENEWED_AFTER_MS);
  assert.deepEqual(
    asked("authenticate").map(({ data }) => data.token),
    ["a2", "a3"],
  );
});

test("a token is renewed although the clock was set back after the renewal was scheduled", async () => {
  const { pass, asked } = await online();
  await pass(RENEWED_AFTER_MS, { less: 1 });
  assert.deepEqual(asked("authenticate"), [], "by the wall clock it is not due");
  await pass(1000);
  assert.deepEqual(
    asked("authenticate").map(({ data }) => data.token),
    ["a2"],
  );
});

test("a clock that stops just before the renewal does not cause a busy loop", async () => {
  const { pass, tokenReads } = await online();
  await pass(RENEWED_AFTER_MS, { less: 1 });
  const before = tokenReads();
  for (let ms = 0; ms < 10_000; ms += 100) await pass(100, { less: 100 });
  assert.equal(tokenReads() - before, 10);
});

test("a token whose lifetime exceeds the longest timer is renewed when it is due", async () => {
  const lifetimeS = 31_536_000;
  const { pass, asked } = await online({ lifetimeS });
  const renewedAfterMs = (lifetimeS * 1000 * 4) / 5;
  for (let ms = MOST_MS; ms < renewedAfterMs; ms += MOST_MS) {
    await pass(MOST_MS);
    assert.deepEqual(asked("authenticate"), []);
  }
  await pass(renewedAfterMs % MOST_MS);
  assert.deepEqual(
    asked("authenticate").map(({ data }) => data.token),
    ["a2"],
  );
});

test("a connection that lasted resets the backoff, although the clock was set back by an hour", async () => {
  const { welcome, close, waits, pass } = await online({ random: () => 0.999 });
  for (const most of [500, 1000, 2000]) {
    close(1006);
    assert.equal(waits(), Math.floor(0.999 * most));
    await pass(most);
    welcome();
  }
  await pass(10_001, { less: 3_600_000 });
  close(1006);
  assert.equal(waits(), 499);
});

test("a stopped connection schedules no renewal", async () => {
  let tries = 0;
  let refuse = null;
  const refresh = () =>
    new Promise((_, reject) => {
      tries += 1;
      refuse = () => reject(new ChatError({ code: "network", retryable: true }));
    });
  const { connection, pass } = await online({ refresh });
  await pass(RENEWED_AFTER_MS);
  connection.stop();
  refuse();
  await settle();
  await pass(60_000);
  assert.equal(tries, 1);
});

test("a command whose ack cannot be applied is rejected, and later events are handled", async () => {
  const { connection, say, asked } = await online();
  const received = [];
  connection.addEventListener("event", ({ detail }) => received.push(detail.event));
  const onAck = () => {
    throw new TypeError("no such thing in it");
  };
  const command = connection.command("joinRoom", { roomId: "r" }, { onAck });
  say("ack", {}, asked("joinRoom")[0].id);
  say("receiveMessage", {});
  await assert.rejects(command, TypeError);
  assert.deepEqual(received, ["receiveMessage"]);
});

test("a room whose join cannot be applied is joined again", async () => {
  const { connection, say, welcome, pass, asked } = await online();
  const api = { get: async (path) => (path === "rooms" ? { rooms: [ROOM], nextCursor: null } : { messages: [] }) };
  const rooms = new Rooms({ connection, api, userId: "u", random: () => 0 });
  welcome();
  await settle();
  const joins = () => asked("joinRoom");
  say("ack", {}, joins().at(-1).id); // an ack without the room
  await settle();
  assert.equal(rooms.get("r").joining, null);
  assert.equal(rooms.get("r").isSubscribed, false);
  await pass(1000);
  assert.equal(joins().length, 2);
  say("ack", NOTHING_MISSED, joins().at(-1).id);
  await settle();
  assert.equal(rooms.get("r").isSubscribed, true);
});

test("a loaded room whose join cannot be applied is joined again from the same seq", async () => {
  const { connection, say, welcome, close, pass, asked } = await online();
  const first = { id: "r-1", roomId: "r", seq: 1, rev: 0, userId: "u", clientId: "c", content: "one" };
  const page = { messages: [first], hasMore: false, seq: 1, rev: 0 };
  const api = { get: async (path) => (path === "rooms" ? { rooms: [ROOM], nextCursor: null } : page) };
  const rooms = new Rooms({ connection, api, userId: "u", random: () => 0 });
  const joins = () => asked("joinRoom");
  welcome();
  await settle();
  say("ack", { ...NOTHING_MISSED, seq: 1 }, joins().at(-1).id);
  await rooms.open("r");
  assert.equal(rooms.get("r").isLoaded, true);
  close(1006);
  await pass(1000);
  welcome();
  await settle();
  const { missed, ...half } = { ...NOTHING_MISSED, seq: 3 };
  say("ack", half, joins().at(-1).id);
  await settle();
  assert.equal(rooms.get("r").isSubscribed, false);
  await pass(1000);
  assert.deepEqual(
    joins()
      .slice(-2)
      .map(({ data }) => data.since),
    [1, 1],
  );
});

test("what is no frame of the contract closes the connection, which is opened again", async () => {
  for (const garbage of ["<html>", new Blob(["{}"])]) {
    const { connection, hear, welcome, pass } = await online();
    hear(garbage);
    assert.deepEqual([connection.state, connection.reason], ["waiting", "lost"]);
    await pass(500);
    welcome();
    assert.equal(connection.state, "online");
    connection.stop();
  }
});

test("where a WebSocket cannot be made it is tried again later", async () => {
  const { connection, close, pass } = await online({ random: () => 0.999 });
  const { WebSocket } = connection;
  connection.WebSocket = class {
    constructor() {
      throw new DOMException("mixed content", "SecurityError");
    }
  };
  close(1006);
  await pass(500);
  assert.equal(connection.state, "waiting");
  connection.WebSocket = WebSocket;
  await pass(1000);
  assert.equal(connection.state, "connecting");
});

test("a revoked session that another client of the page has already deleted ends here, too", async () => {
  const { connection, tokens, close } = await online();
  let ended = 0;
  tokens.addEventListener("ended", () => {
    ended += 1;
  });
  tokens.storage.removeItem("chat.session");
  close(4403);
  assert.deepEqual([connection.state, ended], ["ended", 1]);
});

test("a token that another tab renewed is sent to the server, although no event told of it", async () => {
  const { tokens, pass, asked } = await online();
  const session = JSON.parse(tokens.storage.getItem("chat.session"));
  const renewed = { ...session, accessToken: "of another tab", expiresAt: session.expiresAt + 900_000 };
  tokens.storage.setItem("chat.session", JSON.stringify(renewed));
  await pass(RENEWED_AFTER_MS);
  assert.deepEqual(
    asked("authenticate").map(({ data }) => data.token),
    ["of another tab"],
  );
});

test("where the browser says that there is no network it is believed at once, and the server is asked", async () => {
  const { connection, pass, asked, say } = await online({ isSilent: true });
  const states = [];
  connection.addEventListener("state", () => states.push([connection.state, connection.reason, connection.isOnline]));
  connection.networkLost();
  connection.networkLost();
  assert.deepEqual(states, [["waiting", "offline", true]]);
  assert.equal(asked("heartbeat").length, 1);
  say("receiveMessage", {}); // it was on its way before
  connection.wake();
  await pass(2999);
  assert.equal(states.length, 1);
  await pass(1);
  assert.deepEqual(states[1], ["waiting", "offline", false]);
  assert.equal(connection.state, "connecting", "it is tried all the same");
});

test("if the server answers, the browser was wrong, and the connection stays as it is", async () => {
  const { connection, pass, welcome, close } = await online();
  let welcomes = 0;
  connection.addEventListener("welcome", () => {
    welcomes += 1;
  });
  connection.networkLost();
  assert.equal(connection.state, "waiting");
  await pass(0);
  assert.deepEqual([connection.state, connection.reason, connection.isOnline], ["online", null, true]);
  await pass(10_000);
  assert.deepEqual([connection.state, welcomes], ["online", 0]);
  close(1006);
  assert.equal(connection.reason, "lost");
  await pass(500);
  welcome();
  assert.equal(connection.state, "online");
});

test("when the network is back, it is tried at once", async () => {
  const { connection, pass, close, welcome } = await online({ random: () => 0.999 });
  close(1006);
  connection.networkLost();
  assert.deepEqual([connection.state, connection.reason], ["waiting", "offline"]);
  connection.networkFound();
  await settle();
  assert.equal(connection.state, "connecting");
  close(1006);
  assert.deepEqual([connection.state, connection.reason], ["waiting", "lost"]);
  connection.networkFound();
  await settle();
  welcome();
  assert.equal(connection.state, "online");
  await pass(60_000);
  assert.equal(connection.state, "online");
});

test("a connection that was stopped while it was checked stays stopped", async () => {
  const { connection, pass } = await online({ isSilent: true });
  connection.networkLost();
  connection.stop();
  await pass(60_000);
  assert.equal(connection.state, "idle");
});
