/** The table of what the dashboard shows of the history: titles, formats, and how the values of processes combine. */

import { bytes, count, ms, number, percent, share } from "../ui/format.js";

const sum = (values) => values.reduce((total, value) => total + value, 0);
const most = (values) => Math.max(...values);
const least = (values) => Math.min(...values);
const aSecond = (value) => `${number(value)}/s`;

/**
 * @typedef {object} Metric
 * @property {string} name
 * @property {string} title
 * @property {(value: number | null | undefined) => string} format
 * @property {(values: number[]) => number} ofAll The value of a cluster, of those of its processes.
 * @property {string} [ofAllWords] What that is, where it is not a sum.
 * @property {boolean} [isTile] Shown as a tile, too.
 * @property {string} [short] The title of the tile, where that of the chart is long.
 * @property {string[]} [alerts] Alerts that are about it.
 * @property {number} [max] Where its axis always ends.
 * @property {number} [base] 1024 for bytes.
 */

/** @type {Metric[]} */
export const METRICS = [
  {
    name: "connections",
    title: "Connections",
    format: count,
    ofAll: sum,
    isTile: true,
    alerts: ["connections", "pool"],
  },
  { name: "messagesIn", title: "Messages in", format: aSecond, ofAll: sum, isTile: true },
  { name: "messagesOut", title: "Messages out", format: aSecond, ofAll: sum, isTile: true, alerts: ["bus"] },
  { name: "sendToAckP95Ms", title: "Send to ack, p95", format: ms, ofAll: most, ofAllWords: "slowest", isTile: true },
  {
    name: "sendToDeliveryP95Ms",
    title: "Send to delivery, p95",
    short: "To delivery, p95",
    format: ms,
    ofAll: most,
    ofAllWords: "slowest",
    isTile: true,
  },
  {
    name: "loopLagMs",
    title: "Event loop lag, p99",
    short: "Loop lag",
    format: ms,
    ofAll: most,
    ofAllWords: "slowest",
    isTile: true,
    alerts: ["loop_lag"],
  },
  {
    name: "cpu",
    title: "CPU, of one core",
    short: "CPU",
    format: percent,
    ofAll: most,
    ofAllWords: "busiest",
    isTile: true,
    alerts: ["cpu"],
  },
  { name: "memory", title: "Memory", format: bytes, ofAll: sum, base: 1024, isTile: true, alerts: ["memory"] },
  {
    name: "cacheHitRate",
    title: "Cache hits",
    format: share,
    ofAll: least,
    ofAllWords: "lowest",
    max: 1,
    isTile: true,
    alerts: ["cache_misses"],
  },
  {
    name: "storeQueue",
    title: "Waiting to be stored",
    short: "To be stored",
    format: count,
    ofAll: sum,
    isTile: true,
    alerts: ["store_queue"],
  },
  { name: "httpErrors", title: "Server errors", format: aSecond, ofAll: sum, isTile: true, alerts: ["errors"] },
  {
    name: "databaseP95Ms",
    title: "Database, p95",
    format: ms,
    ofAll: most,
    ofAllWords: "slowest",
    alerts: ["slow_query"],
  },
  {
    name: "diskFreeBytes",
    title: "Disk free",
    format: bytes,
    ofAll: least,
    ofAllWords: "least",
    base: 1024,
    isTile: true,
    alerts: ["disk"],
  },
];

/** The sample of a cluster, of those of its processes. */
function sampleOfAll(samples) {
  const found = {};
  for (const { name, ofAll } of METRICS) {
    const values = samples.map((sample) => sample[name]).filter((value) => Number.isFinite(value));
    if (values.length) found[name] = ofAll(values);
  }
  return found;
}

/** The newest values of what a snapshot shows. A latency is missing where nothing was sent. */
export function newestSample({ processes, processId }) {
  if (processId === null) return sampleOfAll(processes.map(({ sample }) => sample));
  return processes.find((one) => one.processId === processId)?.sample ?? {};
}

/** The threshold of a metric for `processes` of them: what is summed has room for so many times as much. */
export function thresholdOf(metric, thresholds, processes) {
  const one = thresholds?.[metric.name];
  if (!one) return null;
  const factor = metric.ofAll === sum ? processes : 1;
  return { degraded: one.degraded * factor, alert: one.alert * factor, isLowBad: one.isLowBad };
}
