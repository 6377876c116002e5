import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { MessageHistory } from "../../web/client/message-history.js";
import { Timeline } from "../../web/client/timeline.js";

const HEAD = 1000;
const settled = () => new Promise((resolve) => setTimeout(resolve));
const page = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index, rev: 0 }));

/** The history of a room of 1000 messages, whose requests a test answers in any order. */
function made() {
  const timeline = new Timeline();
  timeline.reset({ seq: HEAD, rev: 0 });
  const requests = [];
  const api = {
    get: (_, { before, after, limit }) =>
      new Promise((resolve, reject) => {
        const from = after === undefined ? Math.max(1, (before ?? HEAD + 1) - limit) : after + 1;
        const to = Math.min(HEAD, from + limit - 1);
        const reply = () => resolve({ messages: page(from, to), hasMore: from > 1 });
        requests.push({ reply, fail: () => reject(new ChatError({ code: "network" })) });
      }),
  };
  const history = new MessageHistory({ api });
  const shown = () => [timeline.first, timeline.last];
  return { history, state: { room: { id: "r" }, timeline }, timeline, requests, shown };
}

test("a jump shows the page around a seq, and more is loaded at both of its ends", async () => {
  const { history, state, requests, shown, timeline } = made();
  const jump = history.around(state, 500);
  requests[0].reply();
  assert.equal(await jump, true);
  assert.deepEqual(shown(), [475, 524]);
  const more = [history.older(state), history.newer(state)];
  requests[1].reply();
  requests[2].reply();
  await Promise.all(more);
  assert.deepEqual(shown(), [425, 574]);
  assert.equal(timeline.isDetached, true);
});

test("a jump near an end of the room fills the page", async () => {
  const { history, state, requests, shown, timeline } = made();
  const toEnd = history.around(state, HEAD);
  requests[0].reply();
  await toEnd;
  assert.deepEqual([shown(), timeline.isDetached], [[951, 1000], false]);
  const toStart = history.around(state, 3);
  requests[1].reply();
  await toStart;
  assert.deepEqual([shown(), timeline.hasOlder], [[1, 50], false]);
});

test("of two jumps the one that was asked for last is shown, whichever reply comes first", async () => {
  const { history, state, requests, shown } = made();
  const jumps = [history.around(state, 200), history.around(state, 600)];
  requests[1].reply();
  requests[0].reply();
  assert.deepEqual(await Promise.all(jumps), [false, true]);
  assert.deepEqual(shown(), [575, 624]);
  const [toEnd, back] = [history.latest(state), history.around(state, 200)];
  requests[2].reply();
  requests[3].reply();
  assert.deepEqual(await Promise.all([toEnd, back]), [false, true]);
  assert.deepEqual(shown(), [175, 224]);
});

test("the same jump is asked for once, and again after it has failed", async () => {
  const { history, state, requests, shown } = made();
  const jumps = [history.around(state, 200), history.around(state, 200)];
  assert.equal(requests.length, 1);
  requests[0].fail();
  for (const jump of jumps) await assert.rejects(jump, { code: "network" });
  const again = history.around(state, 200);
  requests[1].reply();
  await again;
  assert.deepEqual(shown(), [175, 224]);
});

test("a page that was on its way for another place leaves no gap and does not take the reader back", async () => {
  const { history, state, requests, shown } = made();
  const start = history.latest(state);
  requests[0].reply();
  await start;
  const older = history.older(state);
  const fill = history.fill(state, { since: 100, held: page(90, 100) });
  const jump = history.around(state, 500);
  requests[3].reply();
  await jump;
  requests[1].reply();
  await older;
  for (let index = 2; requests[index]; index += index === 2 ? 2 : 1) {
    requests[index].reply();
    await settled();
  }
  await fill;
  assert.deepEqual(shown(), [475, 524]);
});
