import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { MessageOutbox } from "../../web/client/message-outbox.js";
import { Presence } from "../../web/client/presence.js";
import { MessageSender } from "../../web/client/message-resend.js";
import { memoryStorage } from "../../web/client/storage.js";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A connection whose replies are `answer(event, data)`, with a wall clock and a monotonic clock set by the test. */
function made(answer) {
  const clock = { now: 10 * HOUR_MS, timed: 0 };
  const sent = [];
  const connection = Object.assign(new EventTarget(), {
    isOnline: true,
    async command(event, data) {
      sent.push(event);
      return answer(event, data);
    },
  });
  const clocks = { now: () => clock.now, timed: () => clock.timed };
  const pass = async (ms) => {
    clock.now += ms;
    clock.timed += ms;
    mock.timers.tick(ms);
    await settle();
  };
  return { clock, sent, connection, clocks, pass };
}

test("a rate-limited message is sent after the limit, although the clock was set back by an hour", async () => {
  let refusals = 1;
  const { clock, sent, connection, clocks, pass } = made(() => {
    if (refusals-- > 0) throw new ChatError({ code: "rate_limited", retryable: true, retryAfterS: 2 });
    return { message: { seq: 1 } };
  });
  const outbox = new MessageOutbox({ storage: memoryStorage(), userId: "u", now: clocks.now });
  await outbox.open();
  const sender = new MessageSender({ connection, outbox, isReady: () => true, random: () => 0, ...clocks });
  outbox.add({ roomId: "r", content: "x" });
  sender.sendNext("r");
  await settle();
  assert.equal(outbox.entries("r")[0].error.until, clock.now + 2000, "the displayed time is by the wall clock");
  clock.now -= HOUR_MS;
  await pass(1999);
  assert.equal(sent.length, 1);
  await pass(1);
  assert.equal(sent.length, 2);
  assert.equal(outbox.unsentCount, 0);
});

test("read marks and typing are sent in time, although the clock was set back by an hour", async () => {
  const { clock, sent, connection, clocks, pass } = made(() => ({}));
  const presence = new Presence({ connection, ...clocks });
  presence.read("r", 1);
  presence.typing("r");
  await pass(0);
  assert.deepEqual(sent.sort(), ["messageRead", "startTyping"]);
  clock.now -= HOUR_MS;
  presence.read("r", 2);
  await pass(4000);
  presence.typing("r");
  assert.deepEqual(sent.sort(), ["messageRead", "messageRead", "startTyping", "startTyping"]);
});
