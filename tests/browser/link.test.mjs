import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ChatError } from "../../web/client/api.js";
import { Link } from "../../web/client/link.js";
import { Rooms } from "../../web/client/rooms.js";
import { memoryStorage, Tokens } from "../../web/client/tokens.js";

const MOST_MS = 2 ** 31 - 1; // of a timer
const RENEWED_AFTER_MS = 720_000; // of 900 s
const ROOM = { id: "r", name: "Kitchen", lastSeq: 0, readSeq: 0 };
const NOTHING_MISSED = { room: ROOM, seq: 0, rev: 0, missed: [], truncated: false, changes: [], changesTruncated: false, reset: false };

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A link to a server that says what it is told to, its timers and the wall clock turned by hand, each alone. */
async function online({ lifetimeS = 900, refresh = null, random = () => 0 } = {}) {
  const clock = { ms: 10_000_000, timed: 0 };
  const sent = [];
  let pairs = 0;
  let looked = 0;
  const pair = () => ({ user: { id: "u" }, accessToken: `a${++pairs}`, refreshToken: `r${pairs}`, expiresIn: lifetimeS });
  const tokens = new (class extends Tokens {
    fresh(options) {
      looked += 1;
      return super.fresh(options);
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
      if (frame.event === "heartbeat") say("ack", {}, frame.id);
    }
    close() {}
  }
  const link = new Link({ url: "ws://chat.test/ws", tokens, WebSocket: Socket, now: () => clock.ms, timed: () => clock.timed, random });
  const say = (event, data, id) => socket.onmessage({ data: JSON.stringify({ event, id, data }) });
  link.start();
  await settle();
  const welcome = () => say("welcome", { connectionId: "c", heartbeatInterval: 100_000 });
  welcome();
  /** Time passes, by the timers and, less `less`, by the wall clock. */
  const pass = async (ms, { less = 0 } = {}) => {
    clock.ms += ms - less;
    clock.timed += ms;
    mock.timers.tick(ms);
    await settle();
  };
  const close = (code) => socket.onclose({ code });
  const waits = () => link.retryAt - clock.ms;
  const asked = (event) => sent.filter((frame) => frame.event === event);
  return { link, say, welcome, close, waits, pass, asked, looked: () => looked };
}

test("a token is renewed when it is due, and the server told", async () => {
  const { pass, asked } = await online();
  await pass(RENEWED_AFTER_MS);
  assert.deepEqual(asked("authenticate").map(({ data }) => data.token), ["a2"]);
  await pass(RENEWED_AFTER_MS);
  assert.deepEqual(asked("authenticate").map(({ data }) => data.token), ["a2", "a3"]);
});

test("a token is renewed, too, where the clock was set back since that was planned", async () => {
  const { pass, asked } = await online();
  await pass(RENEWED_AFTER_MS, { less: 1 });
  assert.deepEqual(asked("authenticate"), [], "by its clock it is not due");
  await pass(1000);
  assert.deepEqual(asked("authenticate").map(({ data }) => data.token), ["a2"]);
});

test("a clock that stands just before the time does not make it ask all the time", async () => {
  const { pass, looked } = await online();
  await pass(RENEWED_AFTER_MS, { less: 1 });
  const before = looked();
  for (let ms = 0; ms < 10_000; ms += 100) await pass(100, { less: 100 });
  assert.equal(looked() - before, 10);
});

test("a token that lives longer than a timer can wait is renewed when it is due", async () => {
  const lifetimeS = 31_536_000;
  const { pass, asked } = await online({ lifetimeS });
  const renewedAfterMs = (lifetimeS * 1000 * 4) / 5;
  for (let ms = MOST_MS; ms < renewedAfterMs; ms += MOST_MS) {
    await pass(MOST_MS);
    assert.deepEqual(asked("authenticate"), []);
  }
  await pass(renewedAfterMs % MOST_MS);
  assert.deepEqual(asked("authenticate").map(({ data }) => data.token), ["a2"]);
});

test("after a connection that lived for a while the waits begin anew, though the clock was set back by an hour", async () => {
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

test("who has stopped meanwhile plans no renewal", async () => {
  let tries = 0;
  let refuse = null;
  const refresh = () => new Promise((_, reject) => {
    tries += 1;
    refuse = () => reject(new ChatError({ code: "network", retryable: true }));
  });
  const { link, pass } = await online({ refresh });
  await pass(RENEWED_AFTER_MS);
  link.stop();
  refuse();
  await settle();
  await pass(60_000);
  assert.equal(tries, 1);
});

test("a command whose ack cannot be taken in is refused, and what comes later is heard", async () => {
  const { link, say, asked } = await online();
  const heard = [];
  link.addEventListener("event", ({ detail }) => heard.push(detail.event));
  const onAck = () => {
    throw new TypeError("no such thing in it");
  };
  const command = link.command("joinRoom", { roomId: "r" }, { onAck });
  say("ack", {}, asked("joinRoom")[0].id);
  say("receiveMessage", {});
  await assert.rejects(command, TypeError);
  assert.deepEqual(heard, ["receiveMessage"]);
});

test("a room whose join cannot be taken in is joined again", async () => {
  const { link, say, welcome, pass, asked } = await online();
  const api = { get: async (path) => (path === "rooms" ? { rooms: [ROOM], nextCursor: null } : { messages: [] }) };
  const rooms = new Rooms({ link, api, userId: "u", random: () => 0 });
  welcome();
  await settle();
  const joins = () => asked("joinRoom");
  say("ack", {}, joins().at(-1).id); // not even the room
  await settle();
  assert.equal(rooms.get("r").joining, null);
  assert.equal(rooms.get("r").isSubscribed, false);
  await pass(1000);
  assert.equal(joins().length, 2);
  say("ack", NOTHING_MISSED, joins().at(-1).id);
  await settle();
  assert.equal(rooms.get("r").isSubscribed, true);
});

test("a room that is shown and whose join cannot be taken in asks again from where it stands", async () => {
  const { link, say, welcome, close, pass, asked } = await online();
  const first = { id: "r-1", roomId: "r", seq: 1, rev: 0, userId: "u", clientId: "c", content: "one" };
  const page = { messages: [first], hasMore: false, seq: 1, rev: 0 };
  const api = { get: async (path) => (path === "rooms" ? { rooms: [ROOM], nextCursor: null } : page) };
  const rooms = new Rooms({ link, api, userId: "u", random: () => 0 });
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
  assert.deepEqual(joins().slice(-2).map(({ data }) => data.since), [1, 1]);
});
