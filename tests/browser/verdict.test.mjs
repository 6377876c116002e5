import assert from "node:assert/strict";
import { test } from "node:test";

import { stateOfProcess, verdictOf } from "../../web/dashboard/verdict.js";

const NOW = new Date(2027, 0, 15, 12, 30, 0).getTime();
const at = (minutes) => new Date(NOW - minutes * 60_000).toISOString();
const WELL = { status: "healthy", checks: {}, latencyMs: 1 };

function process(processId, fields = {}) {
  return { processId, at: at(0), uptimeS: 273_600, connections: 602, sample: {}, alerts: [], ...fields };
}

function snapshot(fields = {}) {
  return {
    at: at(0),
    answeredBy: "a",
    processId: "a",
    complete: true,
    processes: [process("a"), process("b")],
    health: { performance: WELL, database: WELL, cache: WELL },
    alerts: { active: [], history: [] },
    thresholds: {},
    ...fields,
  };
}

const said = (fields, options = {}) => {
  const { level, word, text } = verdictOf(snapshot(fields), { now: NOW, ...options });
  return `${level} | ${word}${text}`;
};
const alert = (name, fields = {}) => ({
  name,
  severity: "warning",
  value: 120,
  threshold: 100,
  since: at(26),
  ...fields,
});
const check = (name, value, threshold, status = "degraded") => ({
  performance: { status, checks: { [name]: { status, value, threshold } }, latencyMs: 1 },
  database: WELL,
  cache: WELL,
});

test("the memory of a process on another machine is compared with its own limit, which its alert knows", () => {
  const thresholds = { memory: { degraded: 10, alert: 10, isLowBad: false } };
  assert.equal(stateOfProcess({ sample: { memory: 20, memoryPercent: 5 }, alerts: [] }, thresholds), "well");
});

test("all is well since the youngest process began, or the last alert ended", () => {
  assert.equal(said(), "well | All is well · 2 processes · 1,204 connections · since 3 d 4 h");
  assert.equal(
    said({ processes: [process("a", { connections: 1, uptimeS: 65 })] }),
    "well | All is well · 1 process · 1 connection · since 1 min 5 s",
  );
  const history = [{ ...alert("cpu"), resolvedAt: at(10) }];
  assert.match(said({ alerts: { active: [], history } }), /since 10 min$/);
});

test("an alert is told with its value, its threshold, its process and its time", () => {
  const processes = [process("a"), process("b", { alerts: [alert("loop_lag")] })];
  assert.equal(
    said({ processes }),
    "degraded | Degraded: event loop lag 120 ms (threshold 100 ms) on process b since 12:04",
  );
  assert.equal(
    said({ processes: [process("a", { alerts: [alert("cpu", { value: 93, threshold: 80 })] })] }),
    "degraded | Degraded: CPU 93 % (threshold 80 %) since 12:04",
    "one process needs no name",
  );
});

test("the worst comes first, and what does not fit is counted", () => {
  const alerts = [
    alert("cpu", { since: at(60) }),
    alert("loop_lag"),
    alert("bus", { severity: "critical", since: at(1) }),
  ];
  const words = said({ processes: [process("a", { alerts })] });
  assert.match(words, /^unhealthy \| Unhealthy: bus lost since 12:29 · CPU .* since 11:30 · and 1 more$/);
});

test("a check that no alert is about is told, since when its metric is past the threshold", () => {
  const series = {
    times: [NOW - 20_000, NOW - 15_000, NOW - 10_000],
    column: () => ({ mean: [20, 130, 140] }),
  };
  const health = check("loopLagMs", 140, 100);
  assert.match(said({ health }, { series }), /event loop lag 140 ms \(threshold 100 ms\) on process a since 12:29:45$/);
  const processes = [process("a", { alerts: [alert("loop_lag")] })];
  assert.match(
    said({ health, processes }),
    /^degraded \| Degraded: event loop lag 120 ms \(threshold 100 ms\) since 12:04$/,
  );
  const unreachable = {
    performance: WELL,
    cache: WELL,
    database: { status: "unhealthy", checks: { reachable: { status: "unhealthy", value: "gone", threshold: null } } },
  };
  assert.match(said({ health: unreachable }), /^unhealthy \| Unhealthy: the database does not answer on process a$/);
  assert.match(said({ health: check("newCheck", 3, null) }), /new check 3 on process a$/);
});

test("processes that cannot be asked are not called well", () => {
  assert.match(
    said({ complete: false, processes: [process("a")] }),
    /^degraded .*the other processes cannot be asked$/,
  );
});

test("a forecast is told as what comes", () => {
  const soon = alert("forecast", { subject: "disk", value: 8, threshold: 24 });
  assert.match(
    said({ processes: [process("a", { alerts: [soon] })] }),
    /: disk at its limit in about 8 h since 12:04$/,
  );
});

test("without an answer the last good moment is told", () => {
  const away = { receivedAt: NOW, words: "the server cannot be reached" };
  assert.equal(said({}, { away }), "away | No answer: the server cannot be reached. This is how it was at 12:30:00.");
  assert.equal(
    verdictOf(null, { now: 0, away: { ...away, receivedAt: null } }).text,
    ": the server cannot be reached.",
  );
});

test("only what is worth reading out makes another key", () => {
  const key = (fields) => verdictOf(snapshot(fields), { now: NOW }).key;
  assert.equal(key(), key({ processes: [process("a", { connections: 7 })] }));
  const value = (number) => [process("a", { alerts: [alert("cpu", { value: number })] })];
  assert.equal(key({ processes: value(81) }), key({ processes: value(99) }));
  assert.notEqual(key({ processes: value(81) }), key());
});

test("the state of a process is that of its alerts, and of its sample beside the thresholds", () => {
  const thresholds = { cpu: { degraded: 80, isLowBad: false }, cacheHitRate: { degraded: 0.8, isLowBad: true } };
  const state = (sample, alerts = []) => stateOfProcess({ sample, alerts }, thresholds);
  assert.equal(state({ cpu: 20, cacheHitRate: 0.1 }), "well");
  assert.equal(state({ cpu: 81 }), "degraded");
  assert.equal(state({}, [alert("cpu")]), "degraded");
  assert.equal(state({}, [alert("bus", { severity: "critical" })]), "unhealthy");
});

test("what nobody measures is not called well", () => {
  const off = (processId, fields = {}) => process(processId, { connectionsPeak: null, ...fields });
  const on = (processId) => process(processId, { connectionsPeak: 700 });
  assert.equal(
    said({ processes: [off("a", { connections: 3 })] }),
    "unmeasured | Nothing is measured: monitoring is off (ENABLE_PERFORMANCE_MONITORING) · 1 process · 3 connections",
  );
  assert.match(said({ processes: [off("a"), off("b")] }), /^unmeasured .* 2 processes · 1,204 connections$/);
  assert.equal(said({ processes: [on("a"), off("b")] }), "degraded | Degraded: nothing is measured on process b");
  const processes = [off("a")];
  const { performance: database } = check("reachable", false, null, "unhealthy");
  assert.equal(
    said({ processes, health: { performance: WELL, database, cache: WELL } }),
    "unhealthy | Unhealthy: the database does not answer · nothing is measured",
  );
  assert.equal(stateOfProcess(off("a"), {}), "unmeasured");
});
