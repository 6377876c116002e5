/**
 * Asks again and again, and tells what came: `data` (everything that is current), `series` (the history), `state`.
 * States: `connecting`, `live`, `away` (no answer; it tries again by itself), `paused` (nobody looks), `forbidden`
 * (until `retry`). Timers and the clock are passed in; knows no document.
 */

import { appended } from "../ui/chart-math.js";
import { ChatError } from "../client/api.js";
import { backoffMs } from "../client/retry.js";

export const RANGES = { hour: 60, day: 1440 };
const HISTORY_EVERY_MS = 60_000;
const FRUGAL_MS = 30_000; // with a token each request counts against its user's limit of them: 1000 an hour by default
const MEAGRE_MS = 120_000;
const AWAY_LEAST_MS = 1000;
const AWAY_MOST_MS = 15_000;

// These can be asked for from the start; the others exist once something of their kind has happened.
const ALWAYS = new Set(["cpu", "memory", "connections", "messagesIn", "messagesOut", "loopLagMs"]);
const SINCE_START_S = 30; // a metric is in the history a sample after it happened

export class Feed extends EventTarget {
  state = "connecting";
  data = null;
  series = new Map();
  seriesRange = "hour"; // what `series` is of: that is behind the choice until the answers are there
  choice = { scope: "process", range: "hour" };

  #source;
  #metrics;
  #everyMs;
  #timers;
  #now;
  #random;
  #timer = null;
  #turn = 0; // what an older turn brings is let fall
  #failures = 0;
  #known = new Set(ALWAYS);
  #unknown = new Set(); // to the history, though a sample had them
  #newest = ""; // the sample that the lines end with
  #historyAt = -Infinity;
  #isPaused = false;

  constructor({ source, metrics, everyMs = 5000, timers = globalThis, now = Date.now, random = Math.random }) {
    super();
    this.#source = source;
    this.#metrics = metrics;
    this.#everyMs = everyMs;
    this.#timers = timers;
    this.#now = now;
    this.#random = random;
  }

  /** Another scope or range: asked for at once. */
  choose(choice) {
    if (choice.range !== this.seriesRange) this.#historyAt = -Infinity;
    this.choice = choice;
    this.retry();
  }

  /** Ask now. */
  retry() {
    if (this.#isPaused) return;
    this.#timers.clearTimeout(this.#timer);
    this.#turn += 1;
    void this.#run(this.#turn);
  }

  pause() {
    if (this.#isPaused || this.state === "forbidden") return;
    this.#isPaused = true;
    this.#turn += 1;
    this.#timers.clearTimeout(this.#timer);
    this.#become("paused");
  }

  resume() {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.retry();
  }

  async #run(turn) {
    let waitMs;
    try {
      const data = await this.#current();
      if (turn !== this.#turn) return;
      this.#take(data);
      this.#failures = 0;
      this.#become("live");
      this.dispatchEvent(new Event("data"));
      if (this.#now() - this.#historyAt >= this.#historyEveryMs) await this.#history(turn);
      waitMs = this.#pollMs;
    } catch (error) {
      if (turn !== this.#turn) return;
      // A fault of ours, which must not stop the page
      if (!(error instanceof ChatError)) globalThis.reportError?.(error);
      if (error.status === 403 || error.status === 401) return this.#become("forbidden");
      waitMs = Math.max(
        AWAY_LEAST_MS + backoffMs(this.#failures, { random: this.#random, capMs: AWAY_MOST_MS }),
        1000 * (error.retryAfterS ?? 0),
      );
      this.#failures += 1;
      this.#become("away", error);
    }
    if (turn === this.#turn) this.#timer = this.#timers.setTimeout(() => this.retry(), waitMs);
  }

  get #pollMs() {
    const { allowance } = this.#source;
    return Math.max(this.#everyMs, allowance > 0.5 ? 0 : allowance > 0.1 ? FRUGAL_MS : MEAGRE_MS);
  }

  get #historyEveryMs() {
    return this.#source.allowance > 0.5 ? HISTORY_EVERY_MS : 10 * HISTORY_EVERY_MS;
  }

  async #current() {
    const scope = this.choice.scope === "cluster" ? { scope: "cluster" } : {};
    // The first answer decides whether there is a server, and whether we may ask: one refusal, not nine.
    const performance = await this.#source.get("metrics/performance", scope);
    const asked = {
      websocket: this.#source.get("metrics/websocket", scope),
      database: this.#source.get("metrics/database", scope),
      cache: this.#source.get("metrics/cache", scope),
      alerts: this.#source.get("metrics/alerts"),
      about: this.#source.get("health"),
      performanceHealth: this.#source.get("health/performance"),
      databaseHealth: this.#source.get("health/database"),
      cacheHealth: this.#source.get("health/cache"),
    };
    const answers = await Promise.allSettled(Object.values(asked));
    const failed = answers.find(
      ({ reason }) => reason?.code === "network" || reason?.status === 403 || reason?.status === 429,
    );
    if (failed) throw failed.reason;
    const names = Object.keys(asked);
    // One page that fails (a store that is away) must not hide the others: it is null.
    const rest = Object.fromEntries(answers.map(({ value }, index) => [names[index], value ?? null]));
    return { performance, ...rest, scope: this.choice.scope, receivedAt: this.#now() };
  }

  #take(data) {
    const before = this.data;
    data.rates = ratesOf(data, before);
    data.others = othersOf(data, before);
    const isRestarted = before && data.others.size === 0 && data.performance.processId !== before.performance.processId;
    if (isRestarted) {
      this.#historyAt = -Infinity;
      this.#unknown.clear();
    }
    this.data = data;
    const { lately } = data.performance;
    for (const name of Object.keys(lately ?? {})) this.#known.add(name);
    if (!before) for (const name of countedIn(data)) this.#known.add(name);
    const newest = JSON.stringify(lately);
    if (newest === this.#newest) return; // samples may come more seldom than we look
    this.#newest = newest;
    if (lately && this.seriesRange === "hour") this.#extend(Date.parse(data.performance.at), lately);
    const isNew = (metric) => metric in (lately ?? {}) && !this.series.has(metric) && !this.#unknown.has(metric);
    if (this.#metrics.some(isNew)) this.#historyAt = -Infinity;
  }

  /** Between two looks at the history its lines go on with the newest samples. */
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

  async #history(turn) {
    const { range } = this.choice;
    const minutes = RANGES[range];
    const told = new Map();
    // One after the other: each costs the server's loop some milliseconds, for which all who chat would wait together.
    for (const metric of this.#metrics.filter((one) => this.#known.has(one))) {
      try {
        told.set(metric, readSeries(await this.#source.get("metrics/history", { metric, minutes })));
      } catch (error) {
        if (error.status !== 422) throw error;
        this.#unknown.add(metric);
      }
      if (turn !== this.#turn) return;
    }
    this.series = told;
    this.seriesRange = range;
    this.#historyAt = this.#now();
    this.dispatchEvent(new Event("data"));
  }

  #become(state, error = null) {
    this.state = state;
    this.dispatchEvent(Object.assign(new Event("state"), { error }));
  }
}

function readSeries({ points, ...summary }) {
  return { ...summary, points: points.map(([at, value]) => [Date.parse(at), value]) };
}

/**
 * Messages a second, in and out: the process's own sample has them, of several they come of two looks at what was
 * counted.
 */
export function ratesOf(data, before) {
  const { lately } = data.performance;
  if (data.scope === "process") return { in: lately?.messagesIn ?? null, out: lately?.messagesOut ?? null };
  if (before?.scope !== "cluster" || !data.websocket || !before.websocket) return { in: null, out: null };
  const seconds = (Date.parse(data.websocket.at) - Date.parse(before.websocket.at)) / 1000;
  const rate = (name) => {
    const more = data.websocket.messages[name] - before.websocket.messages[name];
    // Less than before: a process has gone, with what it counted
    return more < 0 || seconds <= 0 ? null : more / seconds;
  };
  return { in: rate("in"), out: rate("out") };
}

/** The ids of processes that answer in turn behind one address; none where there is one, or it was restarted. */
export function othersOf(data, before) {
  const others = new Set(before?.others);
  const [now, then] = [data.performance, before?.performance];
  if (!then || now.processId === then.processId) return others;
  const passedS = (data.receivedAt - before.receivedAt) / 1000;
  if (data.scope === "process" && before.scope === "process" && now.uptimeS > passedS + 1)
    others.add(now.processId).add(then.processId);
  return others;
}

/**
 * Metrics that must be in the history, though the newest sample lacks them: what they are of has been counted before.
 */
export function countedIn({ performance, websocket, database, cache }) {
  if (performance.uptimeS < SINCE_START_S || !performance.lately) return [];
  return [
    ...(websocket?.sendToAckMs.count ? ["sendToAckP95Ms"] : []),
    ...(websocket?.sendToDeliveryMs.count ? ["sendToDeliveryP95Ms"] : []),
    ...(cache?.hitRate != null ? ["cacheHitRate"] : []),
    ...(Object.keys(database?.operations ?? {}).length ? ["databaseP95Ms"] : []),
  ];
}
