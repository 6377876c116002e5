import assert from "node:assert/strict";
import { test } from "node:test";

import {
  countedMetrics,
  MetricsPoller,
  alternatingProcesses,
  messageRates,
} from "../../web/dashboard/metrics-poller.js";
import { ChatError } from "../../web/client/chat-error.js";

const AT = Date.UTC(2027, 0, 15, 8);

function page({
  scope = "process",
  processId = "p1",
  uptimeS = 100,
  after = 0,
  messages = { in: 0, out: 0 },
  lately = { messagesIn: 2, messagesOut: 8 },
} = {}) {
  const at = new Date(AT + after).toISOString();
  return {
    scope,
    receivedAt: AT + after,
    performance: { processId, uptimeS, at, lately },
    websocket: { at, messages },
  };
}

/** A poller with a fake server `answer(path, query)`, and timers and a clock that the test advances. */
function setup(answer, metrics = ["cpu"]) {
  const asked = [];
  const timers = {
    due: null,
    waitMs: null,
    setTimeout: (work, waitMs) => Object.assign(timers, { due: work, waitMs }),
    clearTimeout: () => {},
  };
  let now = AT;
  const api = {
    allowance: 1,
    async get(path, query = {}) {
      asked.push(query.metric ? `${path} ${query.metric} ${query.minutes}` : path);
      const reply = answer(path, query);
      if (reply instanceof Error) throw reply;
      return reply;
    },
  };
  const poller = new MetricsPoller({ api, metrics, intervalMs: 5000, timers, now: () => now, random: () => 0.999999 });
  const states = [];
  poller.addEventListener("state", () => states.push(poller.state));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { poller, api, asked, timers, states, settle, pass: (passedMs) => (now += passedMs), now: () => now };
}

const AWAY = new ChatError({ code: "network" });

function served(path, query) {
  if (path === "metrics/performance") return page({}).performance;
  if (path === "metrics/history")
    return {
      metric: query.metric,
      stepS: 5,
      points: [["2027-01-15T07:59:00.000Z", 3]],
      min: 3,
      mean: 3,
      max: 3,
      p95: 3,
      trend: null,
    };
  if (path === "metrics/websocket") return { sendToAckMs: { count: 0 }, sendToDeliveryMs: { count: 0 } };
  return {};
}

test("the rates of a cluster come from two polls, and a decreased counter gives no rate", () => {
  const before = page({ scope: "cluster", messages: { in: 100, out: 1000 } });
  assert.deepEqual(messageRates(page({ scope: "cluster", after: 5000, messages: { in: 150, out: 2000 } }), before), {
    in: 10,
    out: 200,
  });
  assert.deepEqual(messageRates(page({ scope: "cluster", after: 5000, messages: { in: 150, out: 900 } }), before), {
    in: 10,
    out: null,
  });
  assert.deepEqual(messageRates(page({ scope: "cluster" }), page()), { in: null, out: null });
  assert.deepEqual(messageRates(page(), null), { in: 2, out: 8 });
  assert.deepEqual(messageRates(page({ lately: null }), null), { in: null, out: null });
});

test("processes that answer alternately are distinguished from one that was restarted", () => {
  assert.equal(alternatingProcesses(page({ after: 5000, processId: "p2", uptimeS: 3 }), page()).size, 0);
  assert.deepEqual(
    [...alternatingProcesses(page({ after: 5000, processId: "p2", uptimeS: 90 }), page())],
    ["p2", "p1"],
  );
  assert.equal(alternatingProcesses(page({ after: 5000 }), page()).size, 0);
});

test("the history of a metric is requested if the metric was counted before the newest sample", () => {
  const counted = {
    performance: { uptimeS: 100, lately: {} },
    websocket: { sendToAckMs: { count: 1 }, sendToDeliveryMs: { count: 0 } },
    cache: { hitRate: 0 },
    database: null,
  };
  assert.deepEqual(countedMetrics(counted), ["sendToAckP95Ms", "cacheHitRate"]);
  assert.deepEqual(countedMetrics({ ...counted, performance: { uptimeS: 5, lately: {} } }), []);
});

test("it polls, extends the series with samples, and loads the history each minute", async () => {
  const { poller, asked, timers, settle, pass } = setup(served);
  poller.pollNow();
  await settle();
  assert.equal(poller.state, "live");
  assert.equal(timers.waitMs, 5000);
  assert.deepEqual(
    asked.filter((one) => one.includes("history")),
    ["metrics/history cpu 60"],
  );
  for (let poll = 0; poll < 12; poll += 1) {
    pass(5000);
    timers.due();
    await settle();
  }
  assert.equal(asked.filter((one) => one.includes("history")).length, 2);
});

test("the history of a new metric is loaded at once, and one without a history is not requested again", async () => {
  const lately = { messagesIn: 1 };
  const answer = (path, query) => {
    if (path === "metrics/performance") return { ...page().performance, lately: { ...lately } };
    if (query.metric === "strange") return new ChatError({ code: "validation_failed", status: 422 });
    return served(path, query);
  };
  const { poller, asked, timers, settle, pass } = setup(answer, ["cpu", "sendToAckP95Ms", "strange"]);
  poller.pollNow();
  await settle();
  assert.deepEqual([...poller.series.keys()], ["cpu"]);
  Object.assign(lately, { sendToAckP95Ms: 4, strange: 1 });
  pass(5000);
  timers.due();
  await settle();
  assert.deepEqual([...poller.series.keys()], ["cpu", "sendToAckP95Ms"]);
  for (let poll = 0; poll < 3; poll += 1) {
    lately.messagesIn += 1;
    pass(5000);
    timers.due();
    await settle();
  }
  assert.equal(asked.filter((one) => one.includes("strange")).length, 1);
});

test("each sample is appended to the series once", async () => {
  let sample = { cpu: 1 };
  let at = 0;
  const answer = (path, query) =>
    path === "metrics/performance"
      ? { ...page({ after: (at += 5000) }).performance, lately: sample }
      : served(path, query);
  const { poller, timers, settle } = setup(answer);
  poller.pollNow();
  await settle();
  const look = async () => {
    timers.due();
    await settle();
    return poller.series.get("cpu").points.length;
  };
  assert.equal(await look(), 1);
  sample = { cpu: 9 };
  assert.equal(await look(), 2);
  assert.equal(await look(), 2);
  assert.equal(poller.series.get("cpu").max, 9);
});

test("an unreachable server is polled with backoff, and the state is live again after its response", async () => {
  let isThere = false;
  const { poller, timers, states, settle } = setup((path, query) => (isThere ? served(path, query) : AWAY));
  poller.pollNow();
  const waits = [];
  for (let tries = 0; tries < 8; tries += 1) {
    await settle();
    waits.push(timers.waitMs);
    timers.due();
  }
  assert.deepEqual(waits.slice(0, 3), [1499, 1999, 2999]);
  assert.equal(waits.at(-1), 15_999);
  isThere = true;
  timers.due();
  await settle();
  assert.equal(states.at(-1), "live");
  assert.equal(timers.waitMs, 5000);
});

test("after a 403 there is no further poll until pollNow", async () => {
  const { poller, asked, timers, settle } = setup(() => new ChatError({ code: "forbidden", status: 403 }));
  poller.pollNow();
  await settle();
  assert.equal(poller.state, "forbidden");
  assert.deepEqual(asked, ["metrics/performance"]);
  assert.equal(timers.due, null);
});

test("nothing is requested while paused", async () => {
  const { poller, asked, settle } = setup(served);
  poller.pause();
  poller.pollNow();
  await settle();
  assert.deepEqual([poller.state, asked.length], ["paused", 0]);
  poller.resume();
  await settle();
  assert.equal(poller.state, "live");
});

test("a part that fails hides no other; after a 429 the poller waits as long as the server says", async () => {
  let refusal = new ChatError({ code: "unavailable", status: 503 });
  const { poller, timers, settle, api } = setup((path, query) =>
    path === "metrics/database" ? refusal : served(path, query),
  );
  poller.pollNow();
  await settle();
  assert.equal(poller.state, "live");
  assert.equal(poller.data.database, null);
  refusal = new ChatError({ code: "rate_limited", status: 429, retryAfterS: 42 });
  timers.due();
  await settle();
  assert.deepEqual([poller.state, timers.waitMs], ["away", 42_000]);
  refusal = {};
  api.allowance = 0.3;
  timers.due();
  await settle();
  assert.deepEqual([poller.state, timers.waitMs], ["live", 30_000]);
});

test("the response to an earlier choice is discarded", async () => {
  const { poller, settle, asked } = setup(served);
  poller.choose({ scope: "process", range: "hour" });
  poller.choose({ scope: "cluster", range: "day" });
  await settle();
  assert.equal(poller.data.scope, "cluster");
  assert.equal(poller.seriesRange, "day");
  assert.ok(asked.includes("metrics/history cpu 1440"));
  assert.ok(!asked.includes("metrics/history cpu 60"));
});
