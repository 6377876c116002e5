import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatError } from "../../web/client/chat-error.js";
import { SnapshotPoller } from "../../web/dashboard/snapshot-poller.js";

const AT = Date.UTC(2027, 0, 15, 8);
const AWAY = new ChatError({ code: "network" });
const GONE = new ChatError({ code: "not_found", status: 404 });
const settle = () => new Promise((resolve) => setImmediate(resolve));
const iso = (ms) => new Date(ms).toISOString();

/** A server with these processes, of which `answers` is the one that answers; its clock is `now`. */
class Server {
  now = AT;
  answers = "a";
  error = null;
  processes = new Map([["a", { cpu: 1, connections: 3 }]]);
  asked = [];
  allowance = 1;
  complete = true;

  async get(path, query) {
    assert.equal(path, "metrics/snapshot");
    this.asked.push(query);
    if (this.error) throw this.error;
    const processId = query.scope === "cluster" ? null : (query.process ?? this.answers);
    if (processId !== null && !this.processes.has(processId)) throw GONE;
    const isKnown = processId === this.answers || (processId === null && this.processes.size === 1);
    const isOwn = isKnown && query.minutes !== undefined;
    const from = query.since ? Date.parse(query.since) : this.now - 10_000;
    const times = [];
    for (let at = from; at <= this.now; at += 5000) times.push(iso(at));
    return {
      at: iso(this.now),
      scope: query.scope,
      processId,
      complete: this.complete,
      answeredBy: this.answers,
      processes: [...this.processes].map(([id, sample]) => ({ processId: id, at: iso(this.now), sample })),
      history: isOwn ? { stepS: 5, times, metrics: { cpu: { mean: times.map(() => 1), min: null, max: null } } } : null,
    };
  }
}

function setup(server = new Server()) {
  const timers = {
    due: null,
    waitMs: null,
    setTimeout: (work, waitMs) => Object.assign(timers, { due: work, waitMs }),
    clearTimeout: () => {},
  };
  const poller = new SnapshotPoller({
    api: server,
    intervalMs: 5000,
    timers,
    now: () => server.now,
    random: () => 0.999999,
  });
  const states = [];
  poller.addEventListener("change", () => states.push(poller.state));
  const choose = async (choice) => {
    poller.choose({ scope: "process", process: null, span: "1h", ...choice });
    await settle();
  };
  const pass = async (ms = 5000) => {
    server.now += ms;
    timers.due();
    await settle();
  };
  return { server, poller, timers, states, choose, pass };
}

test("a look is one request, and asks only for what is new", async () => {
  const { server, poller, timers, choose, pass } = setup();
  await choose({});
  assert.deepEqual(server.asked, [{ scope: "process", minutes: 60 }]);
  assert.deepEqual([poller.state, timers.waitMs, poller.isLoading], ["live", 5000, false]);
  assert.equal(poller.series.times.length, 3);
  for (let look = 0; look < 3; look += 1) await pass();
  assert.equal(server.asked.length, 4);
  assert.deepEqual(server.asked.at(-1), { scope: "process", process: "a", minutes: 60, since: iso(AT + 10_000) });
  assert.deepEqual(
    poller.series.times,
    [-10, -5, 0, 5, 10, 15].map((seconds) => AT + seconds * 1000),
  );
});

test("another span is asked for once, whole", async () => {
  const { server, poller, choose, pass } = setup();
  await choose({});
  await choose({ span: "24h" });
  assert.deepEqual(server.asked.at(-1), { scope: "process", process: "a", minutes: 1440 });
  await pass();
  assert.equal(server.asked.at(-1).since, iso(AT));
  assert.equal(poller.series.minutes, 1440);
});

test("what is older than the span is forgotten", async () => {
  const { poller, choose, pass } = setup();
  await choose({ span: "5m" });
  for (let look = 0; look < 80; look += 1) await pass();
  assert.ok(poller.series.times.length <= 61);
});

test("when the server's clock was set back, the charts go on", async () => {
  const { server, poller, choose, pass } = setup();
  await choose({});
  await pass();
  await pass(-1_800_000);
  await pass();
  assert.equal(poller.series.newestAt, server.now);
  assert.ok(poller.series.times.every((at) => at <= server.now));
  server.processes.set("b", { cpu: 8, connections: 4 });
  await choose({ scope: "cluster" });
  await pass(-1_800_000);
  await pass();
  assert.deepEqual(poller.series.times, [server.now - 5000, server.now]);
});

test("a history from before the clock was set back is shown up to now", async () => {
  const { server, poller, choose } = setup();
  const { get } = server;
  server.get = async (path, query) => {
    const reply = await get.call(server, path, query);
    reply.history.times.push(iso(server.now + 1_800_000));
    for (const column of Object.values(reply.history.metrics)) column.mean.push(9);
    return reply;
  };
  await choose({});
  assert.equal(poller.series.newestAt, AT);
  assert.deepEqual(poller.series.column("cpu").mean, [1, 1, 1]);
});

test("what a zoom shows stays while the span moves on, bounded as all is", async () => {
  const { server, poller, choose, pass } = setup();
  await choose({ span: "5m" });
  poller.zoomFrom = AT - 5000;
  for (let look = 0; look < 80; look += 1) await pass();
  assert.equal(poller.series.times[0], AT - 5000);
  for (let look = 0; look < 4000; look += 1) await pass();
  assert.equal(poller.series.times[0], AT - 5000);
  assert.ok(poller.series.times.length <= 2000);
  poller.zoomFrom = null;
  await pass();
  assert.equal(poller.series.times[0], server.now - 300_000);
});

test("behind a proxy the process that answered first is followed, whichever answers", async () => {
  const { server, poller, choose, pass } = setup();
  server.processes.set("b", { cpu: 8 });
  await choose({});
  server.answers = "b";
  await pass();
  assert.equal(poller.snapshot.processId, "a");
  assert.deepEqual(poller.series.column("cpu").mean, [1, 1, 1, 1]);
  assert.equal(poller.series.newestAt, AT + 5000);
  server.answers = "a";
  await pass();
  assert.equal(poller.series.newestAt, AT + 10_000);
});

test("of a process that does not answer itself the newest values are collected, and its history once it answers", async () => {
  const { server, poller, choose, pass } = setup();
  server.processes.set("b", { cpu: 8 });
  await choose({ process: "b" });
  await pass();
  assert.deepEqual(poller.series.column("cpu").mean, [8, 8]);
  assert.equal(server.asked.at(-1).since, undefined);
  server.answers = "b";
  await pass();
  assert.deepEqual(poller.series.column("cpu").mean, [1, 1, 1]);
});

test("the values of a cluster are those of its processes together", async () => {
  const { server, poller, choose, pass } = setup();
  server.processes.set("b", { cpu: 8, connections: 4 });
  await choose({ scope: "cluster" });
  await pass();
  assert.deepEqual(server.asked, [{ scope: "cluster", minutes: 60 }, { scope: "cluster" }]);
  assert.deepEqual(poller.series.column("connections").mean, [7, 7]);
  assert.deepEqual(poller.series.column("cpu").mean, [8, 8], "the busiest");
});

test("what was collected of a cluster stays when only one process is left, and those that cannot be asked leave a gap", async () => {
  const { server, poller, choose, pass } = setup();
  server.processes.set("b", { cpu: 8, connections: 4 });
  await choose({ scope: "cluster" });
  server.processes.delete("b");
  server.complete = false;
  await pass();
  assert.deepEqual(poller.series.column("connections").mean, [7]);
  server.complete = true;
  await pass();
  assert.deepEqual(poller.series.column("connections").mean, [7, 3]);
  assert.deepEqual(poller.series.times, [AT, AT + 10_000]);
});

test("a cluster of one process has its history", async () => {
  const { poller, choose } = setup();
  await choose({ scope: "cluster" });
  assert.equal(poller.series.times.length, 3);
});

test("after the end of a process the one that answers is shown, and it is said if the other was chosen", async () => {
  const { server, poller, choose, pass } = setup();
  await choose({});
  server.processes = new Map([["c", { cpu: 1 }]]);
  server.answers = "c";
  await pass();
  assert.deepEqual([poller.snapshot.processId, poller.state, poller.endedProcess], ["c", "live", null]);
  await choose({ process: "a" });
  assert.deepEqual([poller.snapshot.processId, poller.endedProcess], ["c", "a"]);
});

test("an unreachable server is asked with backoff, and what is known stays", async () => {
  const { server, poller, timers, states, choose, pass } = setup();
  await choose({});
  server.error = AWAY;
  const waits = [];
  for (let tries = 0; tries < 8; tries += 1) {
    await pass();
    waits.push(timers.waitMs);
  }
  assert.deepEqual(waits.slice(0, 3), [1499, 1999, 2999]);
  assert.equal(waits.at(-1), 15_999);
  assert.deepEqual([poller.state, poller.receivedAt, poller.error], ["away", AT, AWAY]);
  assert.equal(poller.retryAt, server.now + 15_999);
  server.error = null;
  await pass();
  assert.deepEqual([states.at(-1), poller.error, timers.waitMs], ["live", null, 5000]);
});

test("after a refusal nothing is asked until somebody logs in", async () => {
  const { server, poller, timers, choose } = setup();
  server.error = new ChatError({ code: "forbidden", status: 403 });
  await choose({});
  assert.deepEqual([poller.state, timers.due, server.asked.length], ["forbidden", null, 1]);
  server.error = null;
  poller.pollNow();
  await settle();
  assert.equal(poller.state, "live");
});

test("paused, nothing is asked and nothing changes; then what was missed comes", async () => {
  const { server, poller, choose } = setup();
  await choose({});
  poller.pause();
  server.now += 60_000;
  poller.pollNow();
  poller.setHidden(true);
  poller.setHidden(false);
  await settle();
  assert.deepEqual([poller.state, server.asked.length, poller.series.newestAt], ["paused", 1, AT]);
  poller.resume();
  await settle();
  assert.equal(poller.state, "live");
  assert.equal(poller.series.times.length, 3 + 12);
});

test("what is waited for is told: that it goes on after a pause, and that a try is under way", async () => {
  const { server, poller, states, choose, pass } = setup();
  await choose({});
  poller.pause();
  poller.resume();
  assert.deepEqual([states.at(-1), poller.state], ["connecting", "connecting"]);
  await settle();
  assert.equal(poller.state, "live");
  server.error = AWAY;
  await pass();
  assert.ok(poller.retryAt > server.now);
  const before = states.length;
  poller.pollNow();
  assert.deepEqual([states.length, poller.state, poller.retryAt], [before + 1, "away", null]);
  await settle();
  assert.ok(poller.retryAt > server.now);
});

test("whoever logs out leaves no numbers behind, not even in a pause or while the server is away", async () => {
  const { server, poller, choose } = setup();
  await choose({});
  poller.pause();
  poller.forget();
  assert.deepEqual([poller.state, poller.isLoading], ["connecting", true]);
  assert.deepEqual([poller.snapshot, poller.receivedAt], [null, null]);
  assert.equal(poller.series.times.length, 0);
  server.error = AWAY;
  poller.pollNow();
  await settle();
  assert.deepEqual([poller.state, poller.snapshot], ["away", null]);
});

test("another choice ends a pause", async () => {
  const { poller, choose } = setup();
  await choose({});
  poller.pause();
  await choose({ span: "5m" });
  assert.deepEqual([poller.state, poller.isLoading, poller.series.minutes], ["live", false, 5]);
});

test("a hidden page asks once a minute, and at once when it is seen again", async () => {
  const { server, poller, timers, choose, pass } = setup();
  await choose({});
  poller.setHidden(true);
  await pass();
  assert.equal(timers.waitMs, 60_000);
  poller.setHidden(false);
  await settle();
  assert.deepEqual([server.asked.length, timers.waitMs], [3, 5000]);
});

test("with little left of the user's limit it asks less often, after a 429 as late as the server says", async () => {
  const { server, poller, timers, choose, pass } = setup();
  server.allowance = 0.2;
  await choose({});
  assert.equal(timers.waitMs, 15_000);
  server.allowance = 0.05;
  await pass();
  assert.equal(timers.waitMs, 60_000);
  server.error = new ChatError({ code: "rate_limited", status: 429, retryAfterS: 42 });
  await pass();
  assert.deepEqual([poller.state, timers.waitMs], ["away", 42_000]);
});

test("the reply to an earlier choice is discarded", async () => {
  const { poller, choose } = setup();
  poller.choose({ scope: "process", process: null, span: "1h" });
  await choose({ scope: "cluster", span: "24h" });
  assert.equal(poller.snapshot.scope, "cluster");
  assert.equal(poller.series.minutes, 1440);
});
