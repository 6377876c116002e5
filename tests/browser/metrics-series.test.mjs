import assert from "node:assert/strict";
import { test } from "node:test";

import { pastSince, POINTS_MAX, Series, statsOf, windowOf } from "../../web/dashboard/series.js";

const AT = Date.UTC(2027, 0, 15, 8);
const time = (seconds) => new Date(AT + seconds * 1000).toISOString();

function history(times, metrics, stepS = 5) {
  return { stepS, times: times.map(time), metrics };
}

const only = (mean) => ({ mean, min: null, max: null });

test("what is new replaces the newest step, which was not over, and follows it", () => {
  const series = new Series();
  series.replace(history([0, 60], { cpu: { mean: [1, 2], min: [0, 1], max: [3, 4] } }, 60), 360);
  series.merge(history([60, 120], { cpu: { mean: [5, 6], min: [1, 2], max: [9, 7] } }, 60));
  assert.deepEqual(series.times, [AT, AT + 60_000, AT + 120_000]);
  assert.deepEqual(series.column("cpu"), { mean: [1, 5, 6], min: [0, 1, 2], max: [3, 9, 7] });
  series.merge(history([], {}, 60));
  assert.equal(series.times.length, 3);
  assert.equal(series.minutes, 360);
});

test("a metric that comes later, or not always, has no value at the other times", () => {
  const series = new Series();
  series.replace(history([0, 5], { cpu: only([1, 2]) }), 60);
  series.merge(history([10], { lag: only([7]) }));
  assert.deepEqual(series.column("cpu").mean, [1, 2, null]);
  assert.deepEqual(series.column("lag"), { mean: [null, null, 7], min: [null, null, 7], max: [null, null, 7] });
  assert.equal(series.column("nothing"), null);
});

test("samples that the page sees itself are added once each, in the order of time", () => {
  const series = new Series();
  series.append(AT, { cpu: 1, lag: 2 });
  series.append(AT, { cpu: 9 });
  series.append(AT - 5000, { cpu: 9 });
  series.append(AT + 5000, { cpu: 3, bad: NaN });
  assert.deepEqual(series.column("cpu").mean, [1, 3]);
  assert.deepEqual(series.column("lag").mean, [2, null]);
  assert.equal(series.column("bad"), null);
});

test("what began before the span is forgotten", () => {
  const series = new Series();
  for (let n = 0; n < 5; n += 1) series.append(AT + n * 1000, { cpu: n });
  series.dropBefore(AT + 2000);
  assert.deepEqual(series.column("cpu").mean, [2, 3, 4]);
  series.dropBefore(AT);
  assert.equal(series.times.length, 3);
  series.dropBefore(AT + 60_000);
  assert.deepEqual([series.times.length, series.column("cpu").max.length, series.newestAt], [0, 0, null]);
});

test("a page that stays open for days keeps a bounded number of points of the last day, and the extremes of them", () => {
  const series = new Series();
  const count = 2 * 17_280; // two days
  for (let n = 0; n < count; n += 1) {
    series.append(AT + n * 5000, n % 3 ? { cpu: n } : { lag: 1 });
    assert.ok(series.times.length <= POINTS_MAX);
  }
  const { mean, min, max } = series.column("cpu");
  for (const values of [mean, min, max]) assert.equal(values.length, series.times.length);
  const newest = AT + (count - 1) * 5000;
  assert.ok(newest - series.times[0] >= 23 * 3_600_000, "all of a day");
  assert.ok(newest - series.times[0] <= 26 * 3_600_000, "and not for ever");
  const steps = series.times.slice(1).map((at, index) => at - series.times[index]);
  assert.ok(Math.min(...steps) > 0);
  assert.ok(Math.max(...steps) <= 120_000, "the morning as fine as the noon");
  assert.ok(steps.slice(-719).every((step) => step === 5000));
  const known = (values) => values.filter((value) => value !== null);
  assert.ok(Math.min(...known(min)) <= (series.times[0] - AT) / 5000 + 1);
  assert.equal(Math.max(...known(max)), count - 1);
  for (const [index, value] of mean.entries())
    if (value !== null) assert.ok(value >= min[index] && value <= max[index]);
});

test("a joined step has the mean of all its samples, however often older points are joined", () => {
  const series = new Series();
  for (let n = 0; n < 17_280; n += 1) series.append(AT + n * 5000, { cpu: n % 24 });
  const { mean } = series.column("cpu");
  const coarse = series.times.findIndex((at, index) => series.times[index + 1] - at === 5000) - 1;
  assert.ok(coarse > 300);
  for (let index = 0; index < coarse; index += 1) assert.equal(mean[index], 11.5, `${index}`);
});

test("points that come too quickly for a day are bounded, too: the oldest end", () => {
  const series = new Series();
  for (let n = 0; n < 3 * POINTS_MAX; n += 1) series.append(AT + n, { cpu: n });
  assert.ok(series.times.length <= POINTS_MAX);
  assert.equal(series.newestAt, AT + 3 * POINTS_MAX - 1);
});

test("mean, p95 and max are of one window", () => {
  const times = Array.from({ length: 100 }, (_, n) => n * 10);
  const column = { mean: times.map((at) => at / 10), min: times.map(() => -1), max: times.map((at) => at) };
  assert.deepEqual(windowOf(times, 100, 200), [10, 21]);
  assert.deepEqual(windowOf(times, -5, -1), [0, 0]);
  assert.deepEqual(windowOf(times, 5000, 6000), [100, 100]);
  assert.deepEqual(statsOf(times, column, [0, 100]), { min: -1, mean: 49.5, p95: 94, max: 990 });
  assert.deepEqual(statsOf(times, column, [10, 21]), { min: -1, mean: 15, p95: 20, max: 200 });
  assert.equal(statsOf(times, column, [5, 5]), null);
  assert.equal(statsOf(times, null, [0, 9]), null);
  assert.equal(statsOf([5], { mean: [null], min: [null], max: [null] }, [0, 1]), null);
});

test("mean and p95 count the hours alike, where the older ones are told in fewer points", () => {
  const series = new Series();
  for (let n = 0; n < 17_280; n += 1) series.append(AT + n * 5000, { connections: n < 8640 ? 0 : 100 });
  const { mean } = statsOf(series.times, series.column("connections"), [0, series.times.length]);
  assert.ok(Math.abs(mean - 50) < 0.5, `${mean}`);
  const times = [0, 60, 120, 180, 185, 190, 195];
  const column = (values) => ({ mean: values, min: values, max: values });
  assert.equal(statsOf(times, column([1, 1, 1, 9, 9, 9, 9]), [0, 7]).p95, 9);
  assert.equal(statsOf(times, column([1, 1, 1, 1, 1, 9, 9]), [0, 7]).p95, 1, "ten seconds of two hundred");
  assert.equal(statsOf([0, 5, 600, 605], column([1, 1, 3, 3]), [0, 4]).mean, 2, "a gap counts for nobody");
  assert.equal(statsOf([7], column([4]), [0, 1]).mean, 4);
});

test("since when a value is past its threshold is told by the history", () => {
  const times = [0, 5, 10, 15];
  const past = (mean, options) => pastSince(times, { mean }, options);
  assert.equal(past([1, 9, null, 9], { threshold: 5 }), 5);
  assert.equal(past([9, 9, 9, 1], { threshold: 5 }), null);
  assert.equal(past([1, 1, 9, 1], { threshold: 5, isLowBad: true }), 15);
  assert.equal(pastSince([], null, { threshold: 5 }), null);
});
