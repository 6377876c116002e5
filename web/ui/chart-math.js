/**
 * The arithmetic of line charts that share one time axis: ticks, scales, runs, paths, trend. Pure; uses no document.
 * Times are epoch ms, ascending, and a column has a value or null for each.
 */

const STEPS = [1, 2, 2.5, 5, 10];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIME_STEPS = [
  ...[5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 4, 6, 12, 24].map((count) => count * HOUR),
];
const GAP_STEPS = 3.5;

/**
 * The smallest round number that is not below `value`: 1, 2, 2.5 or 5 times a power of ten; for bytes (`base` 1024) in
 * their unit.
 */
export function niceMax(value, base = 1000) {
  if (!(value > 0)) return 1;
  let unit = 1;
  if (base !== 1000) while (value >= unit * base) unit *= base;
  const inUnit = value / unit;
  const power = 10 ** Math.floor(Math.log10(inUnit) + 1e-9);
  const step = STEPS.find((one) => one * power >= inUnit * (1 - 1e-9));
  return step * power * unit;
}

/**
 * At most `most` times between `from` and `to` to be labelled: round times of a clock that is `offsetMs` behind UTC (as
 * getTimezoneOffset).
 */
export function timeTicks(from, to, most, offsetMs = 0) {
  const step =
    TIME_STEPS.find((one) => Math.floor((to - offsetMs) / one) - Math.ceil((from - offsetMs) / one) < most) ??
    TIME_STEPS.at(-1);
  const ticks = [];
  for (let at = Math.ceil((from - offsetMs) / step) * step + offsetMs; at <= to && ticks.length < most; at += step)
    ticks.push(at);
  return ticks;
}

/** A linear function from a domain to a range. */
export function scale([from, to], [low, high]) {
  const factor = to === from ? 0 : (high - low) / (to - from);
  return (value) => low + (value - from) * factor;
}

/**
 * The indices of the values between two indices, split where there was none for more than three steps: a line across
 * such a time would show what was not measured. Steps are of `stepMs`, or longer where their neighbours are, too.
 */
export function runs(times, values, [first, end], stepMs) {
  const found = [];
  let before = null;
  for (let index = first; index < end; index += 1) {
    if (values[index] === null) continue;
    if (before === null || times[index] - times[before] > GAP_STEPS * usualStep(times, before, index, stepMs))
      found.push([index]);
    else found.at(-1).push(index);
    before = index;
  }
  return found;
}

function usualStep(times, before, index, stepMs) {
  const earlier = before > 0 ? times[before] - times[before - 1] : 0;
  const later = index + 1 < times.length ? times[index + 1] - times[index] : 0;
  return Math.max(stepMs, Math.min(earlier || later, later || earlier));
}

/** An SVG path through the points of a run, by functions of their index; a single point becomes a dot. */
export function linePath(run, x, y) {
  const places = run.map((index) => `${round(x(index))} ${round(y(index))}`);
  return places.length === 1 ? `M${places[0]}h0.01` : `M${places.join("L")}`;
}

/** The closed path between the line of a run and the floor: most points of a day are in it, and are written once. */
export function areaPath(line, run, x, floor) {
  return `${line}L${round(x(run.at(-1)))} ${round(floor)}L${round(x(run[0]))} ${round(floor)}Z`;
}

/** The closed path between two lines of a run. */
export function bandPath(run, x, low, high) {
  const upper = run.map((index) => `${round(x(index))} ${round(high(index))}`);
  const lower = run.map((index) => `${round(x(index))} ${round(low(index))}`).reverse();
  return `M${[...upper, ...lower].join("L")}Z`;
}

/** A number of pixels, to a tenth. */
export function round(value) {
  return Math.round(value * 10) / 10;
}

/** The index of the time that is nearest to `at`; -1 if there are none. */
export function nearestIndex(times, at) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < at) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && at - times[low - 1] <= times[low] - at) return low - 1;
  return times.length ? low : -1;
}

/**
 * The least-squares slope per hour of the values between two indices, with its standard error; null for fewer than
 * three.
 * @returns {{slopePerHour: number, error: number} | null}
 */
export function trendOf(times, values, [first, end]) {
  const points = [];
  for (let index = first; index < end; index += 1)
    if (values[index] !== null) points.push([times[index] / HOUR, values[index]]);
  if (points.length < 3) return null;
  const mean = (place) => points.reduce((sum, point) => sum + point[place], 0) / points.length;
  const [middle, level] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [hour]) => sum + (hour - middle) ** 2, 0);
  if (!(spread > 0)) return null;
  const slope = points.reduce((sum, [hour, value]) => sum + (hour - middle) * (value - level), 0) / spread;
  const residue = points.reduce((sum, [hour, value]) => sum + (value - level - slope * (hour - middle)) ** 2, 0);
  return { slopePerHour: slope, error: Math.sqrt(residue / (points.length - 2) / spread) };
}

/**
 * "rising", "falling" or "steady"; "" without a trend. A slope within twice its error is noise; a slope that changes
 * the value by less than a twentieth of `max` over `hours` is steady. `trend`: `{slopePerHour, error}` or null.
 */
export function direction(trend, { hours, max }) {
  if (!trend) return "";
  if (Math.abs(trend.slopePerHour) <= 2 * trend.error) return "steady";
  if (Math.abs(trend.slopePerHour * hours) < 0.05 * Math.abs(max)) return "steady";
  return trend.slopePerHour > 0 ? "rising" : "falling";
}
