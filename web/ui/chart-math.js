/**
 * The arithmetic of a line chart: ticks, scales, paths, trend. Pure; uses no document. Points are `[epoch ms, value]`,
 * ascending.
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

/**
 * The shown part of a range: from its start or from the first point if that is later, but at least `leastMs`.
 * @returns {[number, number]}
 */
export function domainOf(points, now, rangeMs, leastMs) {
  const first = points.length ? points[0][0] : now;
  return [Math.max(now - rangeMs, Math.min(first, now - leastMs)), now];
}

/**
 * Split points at gaps of more than `gapMs`: a line across a time without samples would show values that were not
 * measured.
 */
export function runs(points, gapMs) {
  const found = [];
  for (const point of points) {
    const run = found.at(-1);
    if (run && point[0] - run.at(-1)[0] <= gapMs) run.push(point);
    else found.push([point]);
  }
  return found;
}

/** A linear function from a domain to a range. */
export function scale([from, to], [low, high]) {
  const factor = to === from ? 0 : (high - low) / (to - from);
  return (value) => low + (value - from) * factor;
}

/** An SVG path through the points of a run; a single point becomes a dot. */
export function linePath(run, x, y) {
  const places = run.map(([at, value]) => `${round(x(at))} ${round(y(value))}`);
  return places.length === 1 ? `M${places[0]}h0.01` : `M${places.join("L")}`;
}

/** The closed path of the area between the line and `floor`. */
export function areaPath(run, x, y, floor) {
  return `${linePath(run, x, y)}V${round(floor)}H${round(x(run[0][0]))}Z`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

/** The index of the point nearest to a time; -1 if there are no points. */
export function nearestIndex(points, at) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < at) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && at - points[low - 1][0] <= points[low][0] - at) return low - 1;
  return points.length ? low : -1;
}

/** Append a point and drop those before `since`; a point that is not newer than the last is ignored. */
export function appended(points, point, since) {
  if (points.length && point[0] <= points.at(-1)[0]) return points;
  return [...points.filter(([at]) => at >= since), point];
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
