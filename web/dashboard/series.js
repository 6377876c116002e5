/**
 * The history of one process or of the cluster, in columns beside common times: `times` in epoch ms, ascending, and by
 * metric `{mean, min, max}`, each with a value or null for each time. Pure; bounded to POINTS_MAX.
 */

export const POINTS_MAX = 2000;
const KEPT_WHOLE = 720; // of the newest points, when older ones are joined
const KEPT_MS = 24 * 3_600_000; // the longest span
const COARSE_MS = 120_000; // a day of them are 720 points, about as many as a chart has pixels

export class Series {
  times = [];
  columns = new Map();
  stepMs = 5000;
  /** The span in minutes that the server was asked for; 0: nothing but what the page collected itself. */
  minutes = 0;

  /** When the newest point began, in epoch ms; null if there is none. */
  get newestAt() {
    return this.times.at(-1) ?? null;
  }

  /** @param {string} metric */
  column(metric) {
    return this.columns.get(metric) ?? null;
  }

  /** Take a history of the server for all there is. */
  replace(history, minutes) {
    this.times = [];
    this.columns = new Map();
    this.minutes = minutes;
    this.merge(history);
  }

  /** Take what is new in a history of the server: its first step replaces the newest point, which was not over. */
  merge({ stepS, times, metrics }) {
    this.stepMs = stepS * 1000;
    if (times.length === 0) return;
    const at = times.map((time) => Date.parse(time));
    this.#cut(this.times.findLastIndex((time) => time < at[0]) + 1);
    const length = this.times.length;
    this.times.push(...at);
    for (const [metric, { mean, min, max }] of Object.entries(metrics)) {
      const column = this.#made(metric, length);
      column.mean.push(...mean);
      column.min.push(...(min ?? mean));
      column.max.push(...(max ?? mean));
    }
    this.#fill();
    this.#bound();
  }

  /** Add a sample that the page saw itself. One that is not newer than the last point is ignored. */
  append(at, sample) {
    if (this.newestAt !== null && at <= this.newestAt) return;
    const length = this.times.length;
    this.times.push(at);
    for (const [metric, value] of Object.entries(sample)) {
      if (!Number.isFinite(value)) continue;
      const column = this.#made(metric, length);
      for (const values of [column.mean, column.min, column.max]) values.push(value);
    }
    this.#fill();
    this.#bound();
  }

  /** Forget what began before `at`. */
  dropBefore(at) {
    const first = this.times.findIndex((time) => time >= at);
    const count = first === -1 ? this.times.length : first;
    if (count === 0) return;
    this.times.splice(0, count);
    for (const { mean, min, max } of this.columns.values())
      for (const values of [mean, min, max]) values.splice(0, count);
  }

  /** Forget what began after `at`: of a clock that was set back. */
  dropAfter(at) {
    this.#cut(this.times.findLastIndex((time) => time <= at) + 1);
  }

  #made(metric, length) {
    if (!this.columns.has(metric)) {
      const empty = () => new Array(length).fill(null);
      this.columns.set(metric, { mean: empty(), min: empty(), max: empty() });
    }
    return this.columns.get(metric);
  }

  #cut(length) {
    this.times.length = length;
    for (const { mean, min, max } of this.columns.values())
      for (const values of [mean, min, max]) values.length = length;
  }

  /** A metric that the newest points lack has no value there. */
  #fill() {
    for (const { mean, min, max } of this.columns.values())
      for (const values of [mean, min, max]) while (values.length < this.times.length) values.push(null);
  }

  /**
   * Join the older points to steps of COARSE_MS when there are too many, each step once: two by two, time and again,
   * the morning of a page that is open all day would be a few points.
   */
  #bound() {
    if (this.times.length <= POINTS_MAX) return;
    this.dropBefore(this.newestAt - KEPT_MS);
    const stepOf = (at) => Math.floor(at / COARSE_MS);
    const whole = Math.max(0, this.times.length - KEPT_WHOLE);
    const end = windowOf(this.times, stepOf(this.times[whole]) * COARSE_MS, Infinity)[0];
    const starts = []; // the indices at which a step begins
    for (let index = 0; index < end; index += 1)
      if (index === 0 || stepOf(this.times[index]) !== stepOf(this.times[index - 1])) starts.push(index);
    const joined = (values, combine) => [
      ...starts.map((start, n) => {
        const known = values.slice(start, starts[n + 1] ?? end).filter((value) => value !== null);
        return known.length ? combine(known) : null;
      }),
      ...values.slice(end),
    ];
    this.times = [...starts.map((start) => this.times[start]), ...this.times.slice(end)];
    for (const [metric, { mean, min, max }] of this.columns)
      this.columns.set(metric, {
        mean: joined(mean, (known) => known.reduce((sum, value) => sum + value, 0) / known.length),
        min: joined(min, (known) => Math.min(...known)),
        max: joined(max, (known) => Math.max(...known)),
      });
    // Of points that come so quickly the oldest end, many at once: not each of the next ones is to come here.
    const over = this.times.length - POINTS_MAX;
    if (over > 0) this.dropBefore(this.times[over + KEPT_WHOLE]);
  }
}

/**
 * `[first, end]` of the indices of the times from `from` to `to`, `end` exclusive.
 * @returns {[number, number]}
 */
export function windowOf(times, from, to) {
  const first = lowerBound(times, from);
  return [first, Math.max(first, lowerBound(times, to + 1))];
}

function lowerBound(times, at) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * `{min, mean, p95, max}` of a column between two indices: mean and p95 of its points, each for as long as it stands
 * for, min and max of all samples. Null without a value.
 * @param {number[]} times
 */
export function statsOf(times, column, [first, end]) {
  const points = [];
  for (let index = first; column && index < end; index += 1)
    if (column.mean[index] !== null) points.push({ value: column.mean[index], weight: durationOf(times, index) });
  if (points.length === 0) return null;
  points.sort((one, other) => one.value - other.value);
  const total = points.reduce((sum, { weight }) => sum + weight, 0);
  const known = (all) => all.slice(first, end).filter((value) => value !== null);
  let below = 0;
  return {
    min: Math.min(...known(column.min)),
    mean: points.reduce((sum, { value, weight }) => sum + value * weight, 0) / total,
    p95: points.find(({ weight }) => (below += weight) >= 0.95 * total * (1 - 1e-9)).value,
    max: Math.max(...known(column.max)),
  };
}

/** How long the point stands for, of a history that is finer where it is new: as long as its nearer neighbour is away. */
function durationOf(times, index) {
  const before = index > 0 ? times[index] - times[index - 1] : Infinity;
  const after = index + 1 < times.length ? times[index + 1] - times[index] : Infinity;
  const nearer = Math.min(before, after);
  return nearer === Infinity ? 1 : nearer;
}

/** Since when the newest values are past a threshold, in epoch ms; null if the newest is not. */
export function pastSince(times, column, { threshold, isLowBad = false }) {
  let since = null;
  for (let index = times.length - 1; index >= 0; index -= 1) {
    const value = column?.mean[index] ?? null;
    if (value === null) continue;
    if (isLowBad ? value >= threshold : value <= threshold) break;
    since = times[index];
  }
  return since;
}
