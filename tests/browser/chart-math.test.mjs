import assert from "node:assert/strict";
import { test } from "node:test";

import {
  appended,
  areaPath,
  direction,
  domainOf,
  linePath,
  nearestIndex,
  niceMax,
  runs,
  scale,
  timeTicks,
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

test("the shown range begins at the first point, but has a minimum length", () => {
  const now = 100 * HOUR;
  assert.deepEqual(domainOf([[now - 10 * MINUTE, 1]], now, HOUR, 2 * MINUTE), [now - 10 * MINUTE, now]);
  assert.deepEqual(domainOf([[now - 3 * HOUR, 1]], now, HOUR, 2 * MINUTE), [now - HOUR, now]);
  assert.deepEqual(domainOf([], now, HOUR, 2 * MINUTE), [now - 2 * MINUTE, now]);
});

test("a line breaks at gaps between samples, and a single point is a dot", () => {
  const points = [
    [0, 1],
    [5, 2],
    [10, 3],
    [60, 4],
    [100, 5],
    [105, 6],
  ];
  assert.deepEqual(
    runs(points, 17).map((run) => run.length),
    [3, 1, 2],
  );
  assert.deepEqual(runs([], 17), []);
  const x = scale([0, 100], [0, 200]);
  const y = scale([0, 10], [100, 0]);
  assert.equal(
    linePath(
      [
        [0, 0],
        [50, 5],
      ],
      x,
      y,
    ),
    "M0 100L100 50",
  );
  assert.equal(linePath([[50, 5]], x, y), "M100 50h0.01");
  assert.equal(
    areaPath(
      [
        [0, 5],
        [50, 5],
      ],
      x,
      y,
      100,
    ),
    "M0 50L100 50V100H0Z",
  );
});

test("a scale of an empty domain does not divide by zero", () => {
  assert.equal(scale([5, 5], [0, 100])(5), 0);
});

test("the nearest point is found at the ends, in between, and for no points", () => {
  const points = [
    [10, 0],
    [20, 0],
    [40, 0],
  ];
  for (const [at, index] of [
    [-5, 0],
    [10, 0],
    [14, 0],
    [16, 1],
    [29, 1],
    [31, 2],
    [99, 2],
  ])
    assert.equal(nearestIndex(points, at), index, `${at}`);
  assert.equal(nearestIndex([], 5), -1);
});

test("a new point is appended, old points are dropped, and a point that is not newer is ignored", () => {
  const points = [
    [10, 1],
    [20, 2],
  ];
  assert.deepEqual(appended(points, [30, 3], 15), [
    [20, 2],
    [30, 3],
  ]);
  assert.equal(appended(points, [20, 9], 0), points);
  assert.deepEqual(appended([], [1, 1], 0), [[1, 1]]);
});

test("a slope counts as a direction only if it exceeds its error and a minimum change", () => {
  const shown = { hours: 1, max: 100 };
  assert.equal(direction({ slopePerHour: 50, error: 5 }, shown), "rising");
  assert.equal(direction({ slopePerHour: -50, error: 5 }, shown), "falling");
  assert.equal(direction({ slopePerHour: 50, error: 30 }, shown), "steady");
  assert.equal(direction({ slopePerHour: 4, error: 0.1 }, shown), "steady");
  assert.equal(direction(null, shown), "");
});
