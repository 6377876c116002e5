import assert from "node:assert/strict";
import { test } from "node:test";

import { Content, frameOf, plotsOf, thresholdWords } from "../../web/dashboard/frame.js";
import { Series } from "../../web/dashboard/series.js";
import { valueAndUnit } from "../../web/dashboard/tiles.js";

const AT = Date.UTC(2027, 0, 15, 8);
const iso = (ms) => new Date(ms).toISOString();
const CHOICE = { scope: "process", process: null, span: "1h", zoom: null, section: null };
const GROWING = { metric: "diskFreeBytes", limit: 0, state: "limit_in_sight", value: 100, hours: 10 };

function snapshot(fields = {}) {
  return {
    at: iso(AT),
    answeredBy: "a",
    processId: "a",
    processes: [{ processId: "a", alerts: [], sample: { loopLagMs: 120, memory: 5 } }],
    alerts: { active: [], history: [] },
    thresholds: {
      loopLagMs: { degraded: 100, alert: 250, isLowBad: false },
      memory: { degraded: 10, alert: 10, isLowBad: false },
      connections: { degraded: 50, alert: 50, isLowBad: false },
      cacheHitRate: { degraded: 0.8, alert: 0.8, isLowBad: true },
    },
    performance: { forecast: {}, memory: { limitBytes: 100 } },
    ...fields,
  };
}

function hour(metrics = ["loopLagMs", "memory"]) {
  const series = new Series();
  for (let n = 720; n > 0; n -= 1)
    series.append(AT - n * 5000, Object.fromEntries(metrics.map((metric) => [metric, 720 - n])));
  series.stepMs = 5000;
  return series;
}

function shown(options = {}) {
  const given = { series: hour(), snapshot: snapshot(), choice: CHOICE, width: 400, ...options };
  const frame = frameOf(given);
  return { frame, plots: new Map(plotsOf({ frame, ...given }).map((plot) => [plot.metric.name, plot])) };
}

test("the axis is the span, or from the first point on for a process that has just begun", () => {
  assert.deepEqual(shown().frame.domain, [AT - 3_600_000, AT]);
  const young = new Series();
  young.append(AT - 10_000, { cpu: 1 });
  assert.deepEqual(shown({ series: young }).frame.domain, [AT - 24 * 5000, AT]);
});

test("a zoom is the axis of all charts, and of mean, p95 and max", () => {
  const zoom = { from: AT - 1_000_000, to: AT - 500_000 };
  const { frame, plots } = shown({ choice: { ...CHOICE, zoom } });
  assert.deepEqual(frame.domain, [zoom.from, zoom.to]);
  const { mean, p95, max } = plots.get("memory").stats;
  assert.deepEqual([mean, p95, max], [570, 615, 620]);
});

test("the value now is that of the newest sample, with its state beside the threshold in words", () => {
  const { plots } = shown();
  const lag = plots.get("loopLagMs");
  assert.deepEqual([lag.newest, lag.state, thresholdWords(lag)], [120, "past", "above 100 ms"]);
  const memory = plots.get("memory");
  assert.deepEqual([memory.newest, memory.state, thresholdWords(memory)], [5, "well", "below 10 B"]);
  const alerting = snapshot({ processes: [{ processId: "a", alerts: [], sample: { loopLagMs: 300 } }] });
  const late = shown({ snapshot: alerting }).plots.get("loopLagMs");
  assert.deepEqual([late.state, thresholdWords(late)], ["alert", "above 250 ms"]);
  const low = snapshot({ processes: [{ processId: "a", alerts: [], sample: { cacheHitRate: 0.5 } }] });
  const hits = shown({ series: hour(["cacheHitRate"]), snapshot: low }).plots.get("cacheHitRate");
  assert.deepEqual([hits.state, thresholdWords(hits)], ["past", "below 80 %"]);
});

test("a value at the threshold of an alert is not told to be well, because there the alert is raised", () => {
  const at = (sample) => {
    const processes = [{ processId: "a", alerts: [], sample }];
    const series = hour(["connections", "cacheHitRate", "loopLagMs"]);
    const plot = shown({ series, snapshot: snapshot({ processes }) }).plots.get(Object.keys(sample)[0]);
    return [plot.state, thresholdWords(plot)];
  };
  assert.deepEqual(at({ connections: 50 }), ["past", "at 50"]);
  assert.deepEqual(at({ cacheHitRate: 0.8 }), ["past", "at 80 %"]);
  assert.deepEqual(at({ loopLagMs: 250 }), ["alert", "at 250 ms"]);
  assert.deepEqual(at({ loopLagMs: 100 }), ["well", "at 100 ms"], "health is degraded past it");
});

test("what is summed over a cluster has as many times the threshold, and memory none", () => {
  const processes = ["a", "b"].map((processId) => ({
    processId,
    alerts: [],
    sample: { connections: 30, loopLagMs: 7 },
  }));
  const series = hour(["connections", "memory", "loopLagMs"]);
  const { plots } = shown({ series, snapshot: snapshot({ processId: null, processes }) });
  assert.equal(plots.get("connections").newest, 60);
  assert.equal(plots.get("connections").threshold.degraded, 100);
  assert.equal(plots.get("loopLagMs").threshold.degraded, 100);
  assert.equal(plots.get("loopLagMs").title, "Event loop lag, p99 (slowest)");
  assert.equal(plots.get("memory").threshold, null);
});

test("alerts mark the charts that they are about, while they were active", () => {
  const alert = { severity: "critical", value: 1, threshold: 1, since: iso(AT - 60_000) };
  const processes = [{ processId: "a", alerts: [{ ...alert, name: "loop_lag" }], sample: {} }];
  const past = [{ ...alert, name: "memory", severity: "warning", resolvedAt: iso(AT - 30_000) }];
  const { plots } = shown({ snapshot: snapshot({ processes, alerts: { active: [], history: past } }) });
  assert.deepEqual(
    plots.get("loopLagMs").marks.map(({ from, to, isCritical }) => [from, to, isCritical]),
    [[AT - 60_000, AT, true]],
  );
  assert.deepEqual(
    plots.get("memory").marks.map(({ from, to, isCritical }) => [from, to, isCritical]),
    [[AT - 60_000, AT - 30_000, false]],
  );
});

test("a forecast goes on beyond now, with its slowest and quickest slope", () => {
  const performance = {
    memory: { limitBytes: 100 },
    forecast: { disk: { ...GROWING, hoursEarliest: 5, hoursLatest: null } },
  };
  const { frame, plots } = shown({ series: hour(["diskFreeBytes"]), snapshot: snapshot({ performance }) });
  assert.ok(frame.domain[1] > AT);
  const { value, earliest, middle, latest } = plots.get("diskFreeBytes").forecast;
  assert.deepEqual([value, earliest * 3_600_000, middle * 3_600_000, latest], [100, -20, -10, 0]);
  const short = shown({ snapshot: snapshot({ performance }), choice: { ...CHOICE, span: "5m" } });
  assert.equal(short.frame.domain[1], AT);
});

test("what was shown stays until the first values of another choice are there, so that the page keeps its height", () => {
  const content = new Content();
  const first = content.of({ series: hour(), snapshot: snapshot(), isLoading: false }, CHOICE);
  assert.ok(first.plots.length > 0);
  const choice = { ...CHOICE, scope: "cluster" };
  const series = new Series();
  assert.equal(content.of({ series, snapshot: snapshot(), isLoading: true }, choice), first);
  const none = content.of({ series, snapshot: snapshot({ processId: null }), isLoading: false }, choice);
  assert.deepEqual(none.plots, []);
});

test("a text is told apart into value and unit", () => {
  assert.deepEqual(valueAndUnit("1.2 MiB"), ["1.2", "MiB"]);
  assert.deepEqual(valueAndUnit("12 %"), ["12", "%"]);
  assert.deepEqual(valueAndUnit("1.2M/s"), ["1.2M", "/s"]);
  assert.deepEqual(valueAndUnit("1,204"), ["1,204", ""]);
  assert.deepEqual(valueAndUnit("–"), ["–", ""]);
});
