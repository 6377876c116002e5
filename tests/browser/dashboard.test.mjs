import assert from "node:assert/strict";
import { test } from "node:test";

import { countedIn, Feed, othersOf, ratesOf } from "../../web/dashboard/feed.js";
import { alertWords, bytes, duration, ms, number, percent, share, spaced, UNKNOWN } from "../../web/ui/format.js";
import { byClass } from "../../web/dashboard/parts.js";
import { ChatError } from "../../web/client/api.js";

const AT = Date.UTC(2027, 0, 15, 8);

function page({ scope = "process", processId = "p1", uptimeS = 100, after = 0, messages = { in: 0, out: 0 }, lately = { messagesIn: 2, messagesOut: 8 } } = {}) {
  const at = new Date(AT + after).toISOString();
  return { scope, receivedAt: AT + after, performance: { processId, uptimeS, at, lately }, websocket: { at, messages } };
}

/** A server that is a list of what it does, and a clock that is turned by hand. */
function setup(answer, metrics = ["cpu"]) {
  const asked = [];
  const timers = { due: null, waitMs: null, setTimeout: (work, waitMs) => Object.assign(timers, { due: work, waitMs }), clearTimeout: () => {} };
  let now = AT;
  const source = {
    allowance: 1,
    async get(path, query = {}) {
      asked.push(query.metric ? `${path} ${query.metric} ${query.minutes}` : path);
      const told = answer(path, query);
      if (told instanceof Error) throw told;
      return told;
    },
  };
  const feed = new Feed({ source, metrics, everyMs: 5000, timers, now: () => now, random: () => 0.999999 });
  const states = [];
  feed.addEventListener("state", () => states.push(feed.state));
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { feed, source, asked, timers, states, settle, pass: (passedMs) => (now += passedMs), now: () => now };
}

const AWAY = new ChatError({ code: "network" });

function served(path, query) {
  if (path === "metrics/performance") return page({}).performance;
  if (path === "metrics/history") return { metric: query.metric, stepS: 5, points: [["2027-01-15T07:59:00.000Z", 3]], min: 3, mean: 3, max: 3, p95: 3, trend: null };
  if (path === "metrics/websocket") return { sendToAckMs: { count: 0 }, sendToDeliveryMs: { count: 0 } };
  return {};
}

test("numbers have as many digits as mean something, and what is not known is a dash", () => {
  assert.deepEqual([0, 0.123, 3.456, 56.78, 123.4, 1234, 1_234_567].map(number), ["0", "0.12", "3.46", "56.8", "123", "1,234", "1.2M"]);
  for (const format of [number, ms, bytes, percent, share, duration]) {
    for (const nothing of [null, undefined, NaN, Infinity, "5"]) assert.equal(format(nothing), UNKNOWN);
  }
  assert.deepEqual([0, 0.05, 4.71, 1500].map(ms), ["0 ms", "50 µs", "4.71 ms", "1.5 s"]);
  assert.deepEqual([0, 1023, 1024, 73_924_608].map(bytes), ["0 B", "1,023 B", "1 KiB", "70.5 MiB"]);
  assert.deepEqual([0, 59.9, 60, 200, 3600, 7500, 86_400, 356_400].map(duration), ["0 s", "59 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "1 d", "4 d 3 h"]);
  assert.equal(share(0.643), "64.3 %");
  assert.equal(spaced("loopLagMs"), "loop lag ms");
});

test("an alert is told in its own unit, and one that nobody here has heard of in none", () => {
  assert.deepEqual(alertWords({ name: "slow_query", value: 1500, threshold: 1000 }), { title: "Slow query", value: "1.5 s", threshold: "1 s" });
  assert.deepEqual(alertWords({ name: "bus", value: 1, threshold: 1 }), { title: "Bus lost", value: "", threshold: "" });
  assert.deepEqual(alertWords({ name: "toString", value: 2, threshold: 1 }), { title: "toString", value: "2", threshold: "1" });
});

test("answers are added up by the class of their status", () => {
  assert.deepEqual(byClass({ "GET 200": 4, "POST 201": 1, "GET 404": 2, "GET 503": 3 }), { 2: 5, 4: 2, 5: 3 });
});

test("a cluster's rates come of two looks, and less than before is no rate", () => {
  const before = page({ scope: "cluster", messages: { in: 100, out: 1000 } });
  assert.deepEqual(ratesOf(page({ scope: "cluster", after: 5000, messages: { in: 150, out: 2000 } }), before), { in: 10, out: 200 });
  assert.deepEqual(ratesOf(page({ scope: "cluster", after: 5000, messages: { in: 150, out: 900 } }), before), { in: 10, out: null });
  assert.deepEqual(ratesOf(page({ scope: "cluster" }), page()), { in: null, out: null });
  assert.deepEqual(ratesOf(page(), null), { in: 2, out: 8 });
  assert.deepEqual(ratesOf(page({ lately: null }), null), { in: null, out: null });
});

test("processes that answer in turn are told apart from one that was restarted", () => {
  assert.equal(othersOf(page({ after: 5000, processId: "p2", uptimeS: 3 }), page()).size, 0);
  assert.deepEqual([...othersOf(page({ after: 5000, processId: "p2", uptimeS: 90 }), page())], ["p2", "p1"]);
  assert.equal(othersOf(page({ after: 5000 }), page()).size, 0);
});

test("a metric that the newest sample lacks is asked for if it was counted a while ago", () => {
  const counted = { performance: { uptimeS: 100, lately: {} }, websocket: { sendToAckMs: { count: 1 }, sendToDeliveryMs: { count: 0 } }, cache: { hitRate: 0 }, database: null };
  assert.deepEqual(countedIn(counted), ["sendToAckP95Ms", "cacheHitRate"]);
  assert.deepEqual(countedIn({ ...counted, performance: { uptimeS: 5, lately: {} } }), []);
});

test("it polls, goes on with the lines between two looks at the history, and asks for that each minute", async () => {
  const { feed, asked, timers, settle, pass } = setup(served);
  feed.retry();
  await settle();
  assert.equal(feed.state, "live");
  assert.equal(timers.waitMs, 5000);
  assert.deepEqual(asked.filter((one) => one.includes("history")), ["metrics/history cpu 60"]);
  for (let poll = 0; poll < 12; poll += 1) {
    pass(5000);
    timers.due();
    await settle();
  }
  assert.equal(asked.filter((one) => one.includes("history")).length, 2);
});

test("a metric that appears is asked for at once, and one that the history does not know not at each look", async () => {
  const lately = { messagesIn: 1 };
  const answer = (path, query) => {
    if (path === "metrics/performance") return { ...page().performance, lately: { ...lately } };
    if (query.metric === "strange") return new ChatError({ code: "validation_failed", status: 422 });
    return served(path, query);
  };
  const { feed, asked, timers, settle, pass } = setup(answer, ["cpu", "sendToAckP95Ms", "strange"]);
  feed.retry();
  await settle();
  assert.deepEqual([...feed.series.keys()], ["cpu"]);
  Object.assign(lately, { sendToAckP95Ms: 4, strange: 1 });
  pass(5000);
  timers.due();
  await settle();
  assert.deepEqual([...feed.series.keys()], ["cpu", "sendToAckP95Ms"]);
  for (let poll = 0; poll < 3; poll += 1) {
    lately.messagesIn += 1;
    pass(5000);
    timers.due();
    await settle();
  }
  assert.equal(asked.filter((one) => one.includes("strange")).length, 1);
});

test("the lines go on with each sample once, however often one looks", async () => {
  let sample = { cpu: 1 };
  let at = 0;
  const answer = (path, query) =>
    path === "metrics/performance" ? { ...page({ after: (at += 5000) }).performance, lately: sample } : served(path, query);
  const { feed, timers, settle } = setup(answer);
  feed.retry();
  await settle();
  const look = async () => {
    timers.due();
    await settle();
    return feed.series.get("cpu").points.length;
  };
  assert.equal(await look(), 1);
  sample = { cpu: 9 };
  assert.equal(await look(), 2);
  assert.equal(await look(), 2);
  assert.equal(feed.series.get("cpu").max, 9);
});

test("a server that is away is asked again, ever more seldom, and is live again once it answers", async () => {
  let isThere = false;
  const { feed, timers, states, settle } = setup((path, query) => (isThere ? served(path, query) : AWAY));
  feed.retry();
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

test("who may not see it asks once, and no more until told to", async () => {
  const { feed, asked, timers, settle } = setup(() => new ChatError({ code: "forbidden", status: 403 }));
  feed.retry();
  await settle();
  assert.equal(feed.state, "forbidden");
  assert.deepEqual(asked, ["metrics/performance"]);
  assert.equal(timers.due, null);
});

test("nothing is asked while nobody looks", async () => {
  const { feed, asked, settle } = setup(served);
  feed.pause();
  feed.retry();
  await settle();
  assert.deepEqual([feed.state, asked.length], ["paused", 0]);
  feed.resume();
  await settle();
  assert.equal(feed.state, "live");
});

test("one page that fails hides no other; too many requests are waited for as long as the server says", async () => {
  let refusal = new ChatError({ code: "unavailable", status: 503 });
  const { feed, timers, settle, source } = setup((path, query) => (path === "metrics/database" ? refusal : served(path, query)));
  feed.retry();
  await settle();
  assert.equal(feed.state, "live");
  assert.equal(feed.data.database, null);
  refusal = new ChatError({ code: "rate_limited", status: 429, retryAfterS: 42 });
  timers.due();
  await settle();
  assert.deepEqual([feed.state, timers.waitMs], ["away", 42_000]);
  refusal = {};
  source.allowance = 0.3;
  timers.due();
  await settle();
  assert.deepEqual([feed.state, timers.waitMs], ["live", 30_000]);
});

test("an answer to a choice that is no longer one is let fall", async () => {
  const { feed, settle, asked } = setup(served);
  feed.choose({ scope: "process", range: "hour" });
  feed.choose({ scope: "cluster", range: "day" });
  await settle();
  assert.equal(feed.data.scope, "cluster");
  assert.equal(feed.seriesRange, "day");
  assert.ok(asked.includes("metrics/history cpu 1440"));
  assert.ok(!asked.includes("metrics/history cpu 60"));
});
