/**
 * Polls the server and keeps the results: `data` (current values), `series` (the history), `state`: `connecting`,
 * `live`, `away` (no response; it retries by itself), `paused` (the page is hidden), `forbidden` (until `pollNow`).
 * Events: `data`, `state`. Timers and the clock are passed in; uses no document.
 */

import { appended } from "../ui/chart-math.js";
import { ChatError } from "../client/chat-error.js";
import { backoffMs } from "../client/backoff.js";

export const RANGES = { hour: 60, day: 1440 };
const HISTORY_INTERVAL_MS = 60_000;
// Requests with a token count against the user's limit (1000 an hour by default): poll less when little of it is left.
const LOW_ALLOWANCE_MS = 30_000;
const VERY_LOW_ALLOWANCE_MS = 120_000;
const RETRY_MIN_MS = 1000;
const RETRY_CAP_MS = 15_000;

// The history has these from the start; other metrics appear after their first event.
const ALWAYS_AVAILABLE = new Set(["cpu", "memory", "connections", "messagesIn", "messagesOut", "loopLagMs"]);
const SINCE_START_S = 30; // a metric is in the history one sample after its first event

export class MetricsPoller extends EventTarget {
  state = "connecting";
  data = null;
  series = new Map();
  seriesRange = "hour"; // the range of `series`; it differs from `choice.range` until the history is loaded
  choice = { scope: "process", range: "hour" };

  #api;
  #metrics;
  #intervalMs;
  #timers;
  #now;
  #random;
  #timer = null;
  #round = 0; // responses of earlier rounds are discarded
  #failures = 0;
  #known = new Set(ALWAYS_AVAILABLE);
  #unknown = new Set(); // metrics that a sample has and the history refuses
  #newestSample = ""; // the last sample in `series`, as JSON
  #historyAt = -Infinity;
  #isPaused = false;

  constructor({ api, metrics, intervalMs = 5000, timers = globalThis, now = Date.now, random = Math.random }) {
    super();
    this.#api = api;
    this.#metrics = metrics;
    this.#intervalMs = intervalMs;
    this.#timers = timers;
    this.#now = now;
    this.#random = random;
  }

  /** Set scope and range, and poll. */
  choose(choice) {
    if (choice.range !== this.seriesRange) this.#historyAt = -Infinity;
    this.choice = choice;
    this.pollNow();
  }

  /** Poll now. */
  pollNow() {
    if (this.#isPaused) return;
    this.#timers.clearTimeout(this.#timer);
    this.#round += 1;
    void this.#run(this.#round);
  }

  pause() {
    if (this.#isPaused || this.state === "forbidden") return;
    this.#isPaused = true;
    this.#round += 1;
    this.#timers.clearTimeout(this.#timer);
    this.#setState("paused");
  }

  resume() {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.pollNow();
  }

  async #run(round) {
    let waitMs;
    try {
      const data = await this.#fetchCurrent();
      if (round !== this.#round) return;
      this.#accept(data);
      this.#failures = 0;
      this.#setState("live");
      this.dispatchEvent(new Event("data"));
      if (this.#now() - this.#historyAt >= this.#historyIntervalMs) await this.#fetchHistory(round);
      waitMs = this.#pollIntervalMs;
    } catch (error) {
      if (round !== this.#round) return;
      // A bug must not stop the polling
      if (!(error instanceof ChatError)) globalThis.reportError?.(error);
      if (error.status === 403 || error.status === 401) return this.#setState("forbidden");
      waitMs = Math.max(
        RETRY_MIN_MS + backoffMs(this.#failures, { random: this.#random, capMs: RETRY_CAP_MS }),
        1000 * (error.retryAfterS ?? 0),
      );
      this.#failures += 1;
      this.#setState("away", error);
    }
    if (round === this.#round) this.#timer = this.#timers.setTimeout(() => this.pollNow(), waitMs);
  }

  get #pollIntervalMs() {
    const { allowance } = this.#api;
    return Math.max(this.#intervalMs, allowance > 0.5 ? 0 : allowance > 0.1 ? LOW_ALLOWANCE_MS : VERY_LOW_ALLOWANCE_MS);
  }

  get #historyIntervalMs() {
    return this.#api.allowance > 0.5 ? HISTORY_INTERVAL_MS : 10 * HISTORY_INTERVAL_MS;
  }

  async #fetchCurrent() {
    const scope = this.choice.scope === "cluster" ? { scope: "cluster" } : {};
    // Alone first: if the server is away or refuses, that is one failed request, not nine.
    const performance = await this.#api.get("metrics/performance", scope);
    const asked = {
      websocket: this.#api.get("metrics/websocket", scope),
      database: this.#api.get("metrics/database", scope),
      cache: this.#api.get("metrics/cache", scope),
      alerts: this.#api.get("metrics/alerts"),
      about: this.#api.get("health"),
      performanceHealth: this.#api.get("health/performance"),
      databaseHealth: this.#api.get("health/database"),
      cacheHealth: this.#api.get("health/cache"),
    };
    const answers = await Promise.allSettled(Object.values(asked));
    const reasons = answers.map((answer) => (answer.status === "rejected" ? answer.reason : null));
    const failed = reasons.find((one) => one?.code === "network" || one?.status === 403 || one?.status === 429);
    if (failed) throw failed;
    const names = Object.keys(asked);
    // A part that fails (the store is away) is null; the others are shown.
    const values = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : null));
    const rest = Object.fromEntries(values.map((value, index) => [names[index], value ?? null]));
    return { performance, ...rest, scope: this.choice.scope, receivedAt: this.#now() };
  }

  #accept(data) {
    const before = this.data;
    data.rates = messageRates(data, before);
    data.others = alternatingProcesses(data, before);
    const isRestarted = before && data.others.size === 0 && data.performance.processId !== before.performance.processId;
    if (isRestarted) {
      this.#historyAt = -Infinity;
      this.#unknown.clear();
    }
    this.data = data;
    const { lately } = data.performance;
    for (const name of Object.keys(lately ?? {})) this.#known.add(name);
    if (!before) for (const name of countedMetrics(data)) this.#known.add(name);
    const newest = JSON.stringify(lately);
    if (newest === this.#newestSample) return; // the server samples less often than the page polls
    this.#newestSample = newest;
    if (lately && this.seriesRange === "hour") this.#extend(Date.parse(data.performance.at), lately);
    const isNew = (metric) => metric in (lately ?? {}) && !this.series.has(metric) && !this.#unknown.has(metric);
    if (this.#metrics.some(isNew)) this.#historyAt = -Infinity;
  }

  /** Append the newest sample to the series, between two loads of the history. */
  #extend(at, lately) {
    for (const [metric, series] of this.series) {
      const value = lately[metric];
      if (value === undefined) continue;
      const points = appended(series.points, [at, value], at - RANGES.hour * 60_000);
      this.series.set(metric, {
        ...series,
        points,
        min: Math.min(series.min ?? value, value),
        max: Math.max(series.max ?? value, value),
      });
    }
  }

  async #fetchHistory(round) {
    const { range } = this.choice;
    const minutes = RANGES[range];
    const series = new Map();
    // One request after the other: each takes some milliseconds on the server's event loop, which delays the chat.
    for (const metric of this.#metrics.filter((one) => this.#known.has(one))) {
      try {
        series.set(metric, readSeries(await this.#api.get("metrics/history", { metric, minutes })));
      } catch (error) {
        if (error.status !== 422) throw error;
        this.#unknown.add(metric);
      }
      if (round !== this.#round) return;
    }
    this.series = series;
    this.seriesRange = range;
    this.#historyAt = this.#now();
    this.dispatchEvent(new Event("data"));
  }

  #setState(state, error = null) {
    this.state = state;
    this.dispatchEvent(Object.assign(new Event("state"), { error }));
  }
}

function readSeries({ points, ...summary }) {
  return { ...summary, points: points.map(([at, value]) => [Date.parse(at), value]) };
}

/**
 * Messages per second, in and out. The sample of one process has them; for the cluster they are computed from the
 * counters of two polls.
 */
export function messageRates(data, before) {
  const { lately } = data.performance;
  if (data.scope === "process") return { in: lately?.messagesIn ?? null, out: lately?.messagesOut ?? null };
  if (before?.scope !== "cluster" || !data.websocket || !before.websocket) return { in: null, out: null };
  const seconds = (Date.parse(data.websocket.at) - Date.parse(before.websocket.at)) / 1000;
  const rate = (name) => {
    const more = data.websocket.messages[name] - before.websocket.messages[name];
    // The counter decreased: a process has left, and its share is missing
    return more < 0 || seconds <= 0 ? null : more / seconds;
  };
  return { in: rate("in"), out: rate("out") };
}

/** The ids of several processes that answer alternately at one address; empty after a mere restart. */
export function alternatingProcesses(data, before) {
  const others = new Set(before?.others);
  const [now, then] = [data.performance, before?.performance];
  if (!then || now.processId === then.processId) return others;
  const elapsedS = (data.receivedAt - before.receivedAt) / 1000;
  if (data.scope === "process" && before.scope === "process" && now.uptimeS > elapsedS + 1)
    others.add(now.processId).add(then.processId);
  return others;
}

/** Metrics that the history has although the newest sample lacks them: their counters are not zero. */
export function countedMetrics({ performance, websocket, database, cache }) {
  if (performance.uptimeS < SINCE_START_S || !performance.lately) return [];
  return [
    ...(websocket?.sendToAckMs.count ? ["sendToAckP95Ms"] : []),
    ...(websocket?.sendToDeliveryMs.count ? ["sendToDeliveryP95Ms"] : []),
    ...(cache?.hitRate != null ? ["cacheHitRate"] : []),
    ...(Object.keys(database?.operations ?? {}).length ? ["databaseP95Ms"] : []),
  ];
}
