import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { ChatError } from "../../web/client/api.js";
import { Outbox } from "../../web/client/outbox.js";
import { Presence } from "../../web/client/presence.js";
import { Sender } from "../../web/client/sender.js";
import { memoryStorage } from "../../web/client/tokens.js";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A link whose server answers as `answer(event, data)` says; the wall clock, and time as it passes, turned by hand. */
function made(answer) {
  const clock = { now: 10 * HOUR_MS, timed: 0 };
  const sent = [];
  const link = Object.assign(new EventTarget(), {
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
  return { clock, sent, link, clocks, pass };
}

test("a message that a limit holds up is sent when that is over, though the clock was set back by an hour", async () => {
  let refusals = 1;
  const { clock, sent, link, clocks, pass } = made(() => {
    if (refusals-- > 0) throw new ChatError({ code: "rate_limited", retryable: true, retryAfterS: 2 });
    return { message: { seq: 1 } };
  });
  const outbox = new Outbox({ storage: memoryStorage(), userId: "u", now: clocks.now });
  await outbox.open();
  const sender = new Sender({ link, outbox, isReady: () => true, random: () => 0, ...clocks });
  outbox.add({ roomId: "r", content: "x" });
  sender.pump("r");
  await settle();
  assert.equal(outbox.entries("r")[0].error.until, clock.now + 2000, "what is shown is by the wall clock");
  clock.now -= HOUR_MS;
  await pass(1999);
  assert.equal(sent.length, 1);
  await pass(1);
  assert.equal(sent.length, 2);
  assert.equal(outbox.unsentCount, 0);
});

test("what is read and typed is told in time, though the clock was set back by an hour", async () => {
  const { clock, sent, link, clocks, pass } = made(() => ({}));
  const presence = new Presence({ link, ...clocks });
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
