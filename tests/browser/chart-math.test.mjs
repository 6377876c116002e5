import assert from "node:assert/strict";
import { test } from "node:test";

import {
  areaPath,
  bandPath,
  direction,
  linePath,
  nearestIndex,
  niceMax,
  runs,
  scale,
  timeTicks,
  trendOf,
} from "../../web/ui/chart-math.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MIB = 1024 ** 2;

test("an axis ends at the next round number", () => {
  for (const [value, end] of [
    [0, 1],
    [-3, 1],
    [NaN, 1],
    [0.003, 0.005],
    [0.9, 1],
    [1, 1],
    [1.01, 2],
    [24, 25],
    [26, 50],
    [51, 100],
    [100, 100],
    [1e6 + 1, 2e6],
  ]) {
    assert.ok(Math.abs(niceMax(value) - end) < end * 1e-9, `${value}: ${niceMax(value)}`);
  }
});

test("an axis of bytes ends at a round number of their unit", () => {
  assert.equal(niceMax(70 * MIB, 1024), 100 * MIB);
  assert.equal(niceMax(1023 * MIB, 1024), 2000 * MIB);
  assert.equal(niceMax(1.4 * 1024 ** 3, 1024), 2 * 1024 ** 3);
  assert.equal(niceMax(900, 1024), 1000);
});

test("time labels are at round local times and not more than fit", () => {
  const from = Date.UTC(2027, 0, 15, 8, 3, 20);
  assert.deepEqual(
    timeTicks(from, from + HOUR, 5).map((at) => new Date(at).toISOString().slice(11, 16)),
    ["08:15", "08:30", "08:45", "09:00"],
  );
  const inIndia = timeTicks(from, from + 24 * HOUR, 5, -330).map((at) => (at / MINUTE) % 60);
  assert.ok(inIndia.length >= 3);
  const shifted = timeTicks(from, from + 24 * HOUR, 5, -330 * MINUTE).map((at) => ((at / MINUTE + 330) / 60) % 6);
  assert.deepEqual(shifted, [0, 0, 0, 0]);
  for (const span of [1, MINUTE, 7 * MINUTE, HOUR, 24 * HOUR, 9 * 24 * HOUR])
    assert.ok(timeTicks(from, from + span, 4).length <= 4);
});

test("a line breaks where there was no sample for more than three steps, and a single point is a dot", () => {
  const times = [0, 5, 10, 60, 100, 105];
  const values = [1, 2, 3, 4, 5, 6];
  const found = runs(times, values, [0, 6], 5);
  assert.deepEqual(found, [[0, 1, 2], [3], [4, 5]]);
  assert.deepEqual(runs(times, values, [1, 3], 5), [[1, 2]]);
  assert.deepEqual(runs([], [], [0, 0], 5), []);
  const x = (index) => times[index] * 2;
  const y = (index) => 100 - values[index] * 10;
  assert.equal(linePath([0, 1], x, y), "M0 90L10 80");
  assert.equal(linePath([3], x, y), "M120 60h0.01");
  assert.equal(areaPath("M0 90L10 80", [0, 1], x, 100), "M0 90L10 80L10 100L0 100Z");
  assert.equal(
    bandPath([0, 1], x, () => 100, y),
    "M0 90L10 80L10 100L0 100Z",
  );
});

test("a missing value breaks a line only after three steps without one", () => {
  const times = [0, 5, 10, 15, 20, 25, 30, 35, 40];
  assert.deepEqual(runs(times, [1, null, null, 1, null, null, null, null, 1], [0, 9], 5), [[0, 3], [8]]);
});

test("what an earlier process kept by the minute is a line of its own, beside the newest steps of seconds", () => {
  const times = [0, 60, 120, 200, 205, 210];
  assert.deepEqual(runs(times, [1, 1, 1, 1, 1, 1], [0, 6], 5), [
    [0, 1, 2],
    [3, 4, 5],
  ]);
});

test("a scale of an empty domain does not divide by zero", () => {
  assert.equal(scale([5, 5], [0, 100])(5), 0);
});

test("the nearest time is found at the ends, in between, and for no times", () => {
  const times = [10, 20, 40];
  for (const [at, index] of [
    [-5, 0],
    [10, 0],
    [14, 0],
    [16, 1],
    [29, 1],
    [31, 2],
    [99, 2],
  ])
    assert.equal(nearestIndex(times, at), index, `${at}`);
  assert.equal(nearestIndex([], 5), -1);
});

test("a trend is the slope per hour, with an error that is none for a straight line", () => {
  const times = [0, 1, 2, 3].map((count) => 1_800_000_000_000 + count * HOUR);
  const straight = trendOf(times, [1, 3, null, 7], [0, 4]);
  assert.ok(Math.abs(straight.slopePerHour - 2) < 1e-6);
  assert.ok(straight.error < 1e-6);
  const noisy = trendOf(times, [1, 9, 0, 8], [0, 4]);
  assert.ok(noisy.error > Math.abs(noisy.slopePerHour) / 2);
  assert.equal(trendOf(times, [1, 2, null, null], [0, 4]), null);
  assert.equal(trendOf([5, 5, 5], [1, 2, 3], [0, 3]), null);
});

test("a slope counts as a direction only if it exceeds its error and a minimum change", () => {
  const shown = { hours: 1, max: 100 };
  assert.equal(direction({ slopePerHour: 50, error: 5 }, shown), "rising");
  assert.equal(direction({ slopePerHour: -50, error: 5 }, shown), "falling");
  assert.equal(direction({ slopePerHour: 50, error: 30 }, shown), "steady");
  assert.equal(direction({ slopePerHour: 4, error: 0.1 }, shown), "steady");
  assert.equal(direction(null, shown), "");
});
