/** What the charts and tiles show of a series: the common time axis, and each metric's plot. Pure. */

import { alertWords, clock } from "../ui/format.js";
import { direction, trendOf } from "../ui/chart-math.js";
import { SPANS } from "./address.js";
import { METRICS, newestSample, thresholdOf } from "./metrics.js";
import { statsOf, windowOf } from "./series.js";

const MIN_STEPS = 24; // the axis of a process that has just begun
const FORECAST_SHARE = 0.15; // of the span, beyond now
const FORECAST_MIN_MINUTES = 60;
const TREND_MIN_MS = 600_000; // the trend of the first minutes after a start means nothing
const HOUR_MS = 3_600_000;
const IN_SIGHT = "limit_in_sight";

// Resource of a forecast → its metric in the history, and what its values are multiplied with.
const FORECASTS = new Map([
  ["connections", { metric: "connections", factor: () => 1 }],
  ["memory", { metric: "memory", factor: ({ performance }) => performance.memory.limitBytes / 100 }],
  ["disk", { metric: "diskFreeBytes", factor: () => 1 }],
]);

/**
 * The frame of all charts. `now` is the server's: its clock is that of the samples.
 * @param {{series: any, snapshot: any, choice: import("./address.js").Choice, width: number}} options
 * @returns {import("../ui/chart.js").Frame & {words: string}}
 */
export function frameOf({ series, snapshot, choice, width }) {
  const { minutes, words } = SPANS.get(choice.span);
  const { times, stepMs } = series;
  const now = Math.max(Date.parse(snapshot.at), times.at(-1) ?? 0);
  const span = minutes * 60_000;
  const from = Math.max(now - span, Math.min(times[0] ?? now, now - MIN_STEPS * stepMs));
  const hasForecast = minutes >= FORECAST_MIN_MINUTES && forecastsOf(snapshot).size > 0;
  /** @type {[number, number]} */
  const domain = choice.zoom
    ? [choice.zoom.from, choice.zoom.to]
    : [from, hasForecast ? now + FORECAST_SHARE * (now - from) : now];
  return {
    width,
    now,
    times,
    stepMs,
    domain,
    window: windowOf(times, ...domain),
    words: choice.zoom ? `${clock(domain[0])} to ${clock(domain[1])}` : words,
  };
}

/** By metric the forecasts that have a limit in sight. */
function forecastsOf(snapshot) {
  const found = new Map();
  for (const [name, { metric, factor }] of FORECASTS) {
    const forecast = snapshot.performance.forecast?.[name];
    if (forecast?.state !== IN_SIGHT || !(forecast.hours > 0)) continue;
    const times = factor(snapshot);
    const slope = (hours) => (hours ? ((forecast.limit - forecast.value) * times) / (hours * HOUR_MS) : 0);
    if (Number.isFinite(times))
      found.set(metric, {
        value: forecast.value * times,
        earliest: slope(forecast.hoursEarliest),
        middle: slope(forecast.hours),
        latest: slope(forecast.hoursLatest), // null: beyond what is forecast
      });
  }
  return found;
}

/** Whether what is shown is of the process that answers: its memory, disk and past alerts are known. */
function isOwn({ processId, answeredBy, processes }) {
  return processId === answeredBy || processes.length === 1;
}

/** The threshold of a metric, `{degraded, alert, isLowBad}` or null. */
function shownThreshold(metric, snapshot) {
  const isOfMachine = metric.name === "memory" || metric.name === "diskFreeBytes";
  if (isOfMachine && !isOwn(snapshot)) return null;
  return thresholdOf(metric, snapshot.thresholds, snapshot.processId === null ? snapshot.processes.length : 1);
}

/** The times in which an alert about the metric was active, as marks of its chart, with words. */
export function marksOf(metric, snapshot) {
  const { processes, processId, alerts, at } = snapshot;
  const active = processId === null ? processes.flatMap((one) => one.alerts) : ownAlerts(processes, processId);
  const past = isOwn(snapshot) || processId === null ? alerts.history : [];
  return [...active, ...past]
    .filter(
      ({ name, subject }) => (metric.alerts ?? []).includes(name) || (name === "forecast" && isAbout(metric, subject)),
    )
    .map((alert) => ({
      from: Date.parse(alert.since),
      to: Date.parse(alert.resolvedAt ?? at),
      isCritical: alert.severity === "critical",
      words: `${alertWords(alert).title}: ${alert.severity} alert`,
    }));
}

function ownAlerts(processes, processId) {
  return processes.find((one) => one.processId === processId)?.alerts ?? [];
}

function isAbout(metric, subject) {
  return FORECASTS.get(subject)?.metric === metric.name;
}

/**
 * All that the chart and the tile of a metric show; null if the series has nothing of it.
 * @param {import("./metrics.js").Metric} metric
 */
function plotOf(metric, { frame, series, snapshot, sample }) {
  const column = series.column(metric.name);
  if (!column) return null;
  const { format } = metric;
  const threshold = shownThreshold(metric, snapshot);
  const stats = statsOf(frame.times, column, frame.window);
  const isOfSeveral = snapshot.processId === null && snapshot.processes.length > 1;
  const title = isOfSeveral && metric.ofAllWords ? `${metric.title} (${metric.ofAllWords})` : metric.title;
  const span = Math.min(frame.domain[1], frame.now) - frame.domain[0];
  const trend = span < TREND_MIN_MS ? null : trendOf(frame.times, column.mean, frame.window);
  const way = stats ? direction(trend, { hours: span / HOUR_MS, max: stats.max }) : "";
  const newest = sample[metric.name] ?? null;
  return {
    metric,
    title,
    column,
    format,
    max: metric.max,
    base: metric.base,
    stats,
    threshold,
    thresholds: thresholdLines(threshold, format),
    marks: marksOf(metric, snapshot),
    forecast: forecastsOf(snapshot).get(metric.name) ?? null,
    trend: way && { way, words: way === "steady" ? way : `${way} ${format(Math.abs(trend.slopePerHour))} an hour` },
    newest,
    state: stateOf(newest, threshold),
    label: stats
      ? `${title}, ${frame.words}: newest ${format(newest)}, mean ${format(stats.mean)}, p95 ${format(stats.p95)}` +
        `, highest ${format(stats.max)}${way && `, ${way}`}.`
      : `${title}, ${frame.words}: no samples.`,
  };
}

function thresholdLines(threshold, format) {
  if (!threshold) return [];
  const { degraded, alert } = threshold;
  const lines = [{ value: degraded, words: `threshold ${format(degraded)}` }];
  return alert === degraded ? lines : [...lines, { value: alert, words: `alert ${format(alert)}` }];
}

/** As the server: an alert is raised at its threshold, and health is degraded past its own. */
function stateOf(value, threshold) {
  if (!threshold || value === null) return "none";
  const { degraded, alert, isLowBad } = threshold;
  const isPast = (limit) => (isLowBad ? value < limit : value > limit);
  const isAlert = isPast(alert) || value === alert;
  return isAlert && alert !== degraded ? "alert" : isAlert || isPast(degraded) ? "past" : "well";
}

/** The plots of all metrics that the series has. */
export function plotsOf({ frame, series, snapshot }) {
  const sample = newestSample(snapshot);
  return METRICS.map((metric) => plotOf(metric, { frame, series, snapshot, sample })).filter((plot) => plot !== null);
}

/** Where a value stands with its threshold, in words: never by colour alone. */
export function thresholdWords({ threshold, format, state, newest }) {
  if (!threshold) return "";
  const limit = state === "alert" ? threshold.alert : threshold.degraded;
  if (state === "none") return `threshold ${format(limit)}`;
  const side = newest === limit ? "at" : (state === "well") === threshold.isLowBad ? "above" : "below";
  return `${side} ${format(limit)}`;
}

/**
 * Frame and plots of what is chosen. Tiles and charts show the same, and a crosshair that moves changes none of it. What
 * was shown stays until the first values of another choice are there: a page that shrinks meanwhile loses its place.
 */
export class Content {
  #key = [];
  #value = null;

  /**
   * @param {{series: any, snapshot: any, isLoading: boolean}} poller
   * @param {import("./address.js").Choice} choice
   */
  of({ series, snapshot, isLoading }, choice) {
    if (isLoading && series.times.length === 0 && this.#value !== null) return this.#value;
    const key = [series, series.times.length, snapshot, isLoading, choice];
    if (this.#value === null || key.some((one, index) => one !== this.#key[index])) {
      const frame = frameOf({ series, snapshot, choice, width: 0 });
      this.#key = key;
      this.#value = { frame, plots: plotsOf({ frame, series, snapshot }) };
    }
    return this.#value;
  }
}
