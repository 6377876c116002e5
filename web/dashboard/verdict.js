/** Whether all is well, in one sentence, made of the alerts, the health checks and the state of the poller. Pure. */

import { alertWords, bytes, clock, count, duration, moment, ms, number, percent, spaced } from "../ui/format.js";
import { pastSince } from "./series.js";

const WORDS = {
  well: "All is well",
  degraded: "Degraded",
  unhealthy: "Unhealthy",
  away: "No answer",
  unmeasured: "Nothing is measured",
};
const SHOWN_MAX = 2;

/**
 * By report and name of the check: its title, its format (null: the title says all), the alert that is about the same,
 * and the metric whose history says since when.
 * @typedef {{title: string, format: ((value: any) => string) | null, alert?: string, metric?: string}} Check
 * @type {Map<string, Check>}
 */
const CHECKS = new Map([
  ["performance.connections", { title: "connections", format: count, alert: "connections", metric: "connections" }],
  [
    "performance.storeQueue",
    { title: "messages that wait", format: count, alert: "store_queue", metric: "storeQueue" },
  ],
  ["performance.cpu", { title: "CPU", format: percent, alert: "cpu", metric: "cpu" }],
  ["performance.memory", { title: "memory", format: percent, alert: "memory" }],
  ["performance.loopLagMs", { title: "event loop lag", format: ms, alert: "loop_lag", metric: "loopLagMs" }],
  ["database.reachable", { title: "the database does not answer", format: null }],
  ["database.latencyMs", { title: "database latency", format: ms, alert: "slow_query" }],
  ["database.poolPercent", { title: "database connections in use", format: percent, alert: "pool" }],
  ["database.poolWaiting", { title: "operations that wait for the database", format: count }],
  ["database.queuePercent", { title: "store queue", format: percent, alert: "store_queue" }],
  ["database.wrongIndexes", { title: "wrong indexes in the database", format: null }],
  ["database.replicationLagS", { title: "replication lag", format: (value) => `${number(value)} s` }],
  ["cache.reachable", { title: "the cache does not answer", format: null }],
  ["cache.bus", { title: "the bus is lost", format: null, alert: "bus" }],
  ["cache.limits", { title: "limits are counted by each process alone", format: null }],
  ["cache.latencyMs", { title: "cache latency", format: ms }],
  ["cache.memoryPercent", { title: "cache memory", format: percent }],
  ["cache.missPercent", { title: "cache misses", format: percent, alert: "cache_misses" }],
]);

/**
 * @typedef {object} Cause
 * @property {string} key
 * @property {string} words
 * @property {"degraded" | "unhealthy"} level
 * @property {number | null} since In epoch ms.
 * @property {string} processId
 */

/**
 * What is not well: active alerts of all processes, and checks of the one that answers that no alert is about.
 * @returns {Cause[]} The worst first, then the oldest.
 */
function causesOf(snapshot, series = null) {
  const causes = [];
  const alerted = new Set();
  for (const { processId, alerts } of snapshot.processes)
    for (const alert of alerts) {
      const { title, value, threshold } = alertWords(alert);
      if (processId === snapshot.answeredBy) alerted.add(alert.name);
      causes.push({
        key: `${processId} ${alert.name}`,
        words:
          alert.name === "forecast"
            ? `${spaced(alert.subject)} at its limit in about ${value}`
            : withThreshold(lowerFirst(title), value, threshold),
        level: alert.severity === "critical" ? "unhealthy" : "degraded",
        since: Date.parse(alert.since),
        processId,
      });
    }
  for (const [report, { checks }] of Object.entries(snapshot.health))
    for (const [name, { status, value, threshold }] of Object.entries(checks)) {
      if (status === "healthy") continue;
      /** @type {Check} */
      const known = CHECKS.get(`${report}.${name}`) ?? { title: spaced(name), format: number };
      if (status === "degraded" && known.alert && alerted.has(known.alert)) continue;
      causes.push({
        key: `${snapshot.answeredBy} ${report}.${name}`,
        words: known.format
          ? withThreshold(known.title, known.format(value), threshold === null ? "" : known.format(threshold))
          : known.title,
        level: status,
        since: sinceWhen(known.metric, threshold, snapshot, series),
        processId: snapshot.answeredBy,
      });
    }
  for (const { processId } of snapshot.processes.filter(isUnmeasured))
    causes.push({
      key: `${processId} unmeasured`,
      words: "nothing is measured",
      level: "degraded",
      since: null,
      processId,
    });
  if (!snapshot.complete)
    causes.push({
      key: "incomplete",
      words: "the other processes cannot be asked",
      level: "degraded",
      since: null,
      processId: snapshot.answeredBy,
    });
  const rank = ({ level }) => (level === "unhealthy" ? 0 : 1);
  return causes.sort((one, other) => rank(one) - rank(other) || (one.since ?? Infinity) - (other.since ?? Infinity));
}

/** Whether monitoring is switched off in a process: it counts nothing, not even the most connections there were. */
function isUnmeasured({ connectionsPeak }) {
  return connectionsPeak === null;
}

function sinceWhen(metric, threshold, { processId, answeredBy }, series) {
  if (!metric || !series || processId !== answeredBy || typeof threshold !== "number") return null;
  return pastSince(series.times, series.column(metric), { threshold });
}

function withThreshold(title, value, threshold) {
  return value ? `${title} ${value}${threshold ? ` (threshold ${threshold})` : ""}` : title;
}

function lowerFirst(text) {
  return /^[A-Z][a-z]/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;
}

/**
 * `{level, word, text, key}`: one sentence, and what of it is worth being read out when it changes.
 * @param {any} snapshot
 * @param {{series?: any, now: number, away?: {receivedAt: number | null, words: string} | null}} options
 */
export function verdictOf(snapshot, { series = null, now, away = null }) {
  if (away) {
    const then = away.receivedAt === null ? "" : ` This is how it was at ${clock(away.receivedAt)}.`;
    return { level: "away", word: WORDS.away, text: `: ${away.words}.${then}`, key: "away" };
  }
  const causes = causesOf(snapshot, series);
  if (causes.length === 0) {
    const since = `since ${duration((Date.parse(snapshot.at) - wellSince(snapshot)) / 1000)}`;
    return { level: "well", word: WORDS.well, text: ` · ${sizeWords(snapshot)} · ${since}`, key: "well" };
  }
  const { processes } = snapshot;
  if (processes.every(isUnmeasured) && causes.length === processes.length) {
    const text = `: monitoring is off (ENABLE_PERFORMANCE_MONITORING) · ${sizeWords(snapshot)}`;
    return { level: "unmeasured", word: WORDS.unmeasured, text, key: "unmeasured" };
  }
  const level = causes[0].level;
  const isOneProcess = processes.length === 1;
  const shown = causes.slice(0, SHOWN_MAX).map(({ words, processId, since }) => {
    const where = isOneProcess ? "" : ` on process ${processId}`;
    return `${words}${where}${since === null ? "" : ` since ${sinceWords(since, now)}`}`;
  });
  const more = causes.length - shown.length;
  return {
    level,
    word: WORDS[level],
    text: `: ${shown.join(" · ")}${more ? ` · and ${more} more` : ""}`,
    key: `${level} ${causes.map(({ key }) => key).join(" ")}`,
  };
}

function sinceWords(since, now) {
  const words = moment(since, now);
  return now - since < 60_000 ? words : words.replace(/:\d\d$/, "");
}

/** "2 processes · 1,204 connections". */
function sizeWords({ processes }) {
  const connections = processes.reduce((sum, one) => sum + (one.connections ?? 0), 0);
  return `${processesWords(processes.length)} · ${count(connections)} ${connections === 1 ? "connection" : "connections"}`;
}

/** "1 process", "2 processes". */
export function processesWords(many) {
  return `${count(many)} ${many === 1 ? "process" : "processes"}`;
}

/** When the last alert ended, or the youngest process began. */
function wellSince({ at, processes, alerts }) {
  const began = processes.map(({ at: seen, uptimeS }) => Date.parse(seen) - uptimeS * 1000);
  const ended = alerts.history.map(({ resolvedAt }) => Date.parse(resolvedAt));
  return Math.min(Date.parse(at), Math.max(...began, ...ended));
}

/** Which metrics of a process are past their thresholds by its newest sample: for the table of processes. */
export function stateOfProcess({ sample, alerts, connectionsPeak }, thresholds) {
  if (isUnmeasured({ connectionsPeak })) return "unmeasured";
  if (alerts.some(({ severity }) => severity === "critical")) return "unhealthy";
  const isPast = Object.entries(thresholds).some(([metric, { degraded, isLowBad }]) => {
    // A rate of hits and a free disk count with other conditions, which their alerts know. The bytes of memory are
    // those of the machine that answers; the percent are of each.
    return !isLowBad && metric !== "memory" && Number.isFinite(sample[metric]) && sample[metric] > degraded;
  });
  return alerts.length || isPast ? "degraded" : "well";
}

/** Bytes of memory, and the share of its limit. */
export function memoryWords({ memory, memoryPercent }) {
  return memoryPercent === undefined ? bytes(memory) : `${bytes(memory)} (${percent(memoryPercent)})`;
}
