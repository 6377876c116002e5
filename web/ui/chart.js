/**
 * A line chart as SVG, one of several over a common time axis: line, band from least to most, thresholds, times that
 * are marked, a forecast, the crosshair. Knows no metric and no server, and has no listeners: who draws it has them.
 */

import { areaPath, bandPath, linePath, niceMax, round, runs, scale, timeTicks } from "./chart-math.js";
import { clock } from "./format.js";
import { classes, h } from "./view.js";

export const HEIGHT = 148;
/** The same in all charts, so that equal times stand above one another. */
const MARGIN = { top: 10, right: 10, bottom: 20, left: 58 };
const THRESHOLD_NEAR = 1.25; // a threshold that is further above the values would press them to the ground
const LABEL_WIDTH = 62;
// The axis leaves out one point of a hundred that is so many times as high as all others.
const SPIKES = 0.01;
const SPIKE = 4;

/**
 * @typedef {object} Frame What the charts of a page share.
 * @property {number} width Of each chart, in px.
 * @property {[number, number]} domain From when to when, in epoch ms; beyond `now` there are forecasts.
 * @property {number} now
 * @property {number[]} times
 * @property {[number, number]} window The indices of the times in the domain, the end exclusive.
 * @property {number} stepMs
 */

/**
 * @typedef {object} Plot What one chart shows.
 * @property {{mean: (number | null)[], min: (number | null)[], max: (number | null)[]} | null} column
 * @property {(value: number | null | undefined) => string} format
 * @property {number} [max] Where the axis always ends.
 * @property {number} [base] 1024 for bytes.
 * @property {{value: number, words: string}[]} thresholds
 * @property {{from: number, to: number, isCritical: boolean, words: string}[]} marks
 * @property {{value: number, latest: number, middle: number, earliest: number} | null} forecast The value now, and the
 *   slowest, the middle and the quickest slope per ms.
 * @property {string} label The text alternative.
 */

/** The function from a time to its place in the charts of a frame. */
function timeScale({ domain, width }) {
  return scale(domain, [MARGIN.left, width - MARGIN.right]);
}

/** The time at a place in a chart, within the domain. */
export function timeAt({ domain, width }, place) {
  const at = scale([MARGIN.left, width - MARGIN.right], domain)(place);
  return Math.min(domain[1], Math.max(domain[0], at));
}

/**
 * The chart without the crosshair, and the function from a value to its height: both stay the same while only the
 * crosshair moves.
 * @param {Frame} frame
 * @param {Plot} plot
 */
export function drawPlot(frame, plot) {
  const { width, now, times, window: range, stepMs } = frame;
  const x = timeScale(frame);
  const { mean = [], min = [], max = [] } = plot.column ?? {};
  const pieces = runs(times, mean, range, stepMs);
  const { top, most } = topOf(plot, pieces, max);
  const floor = HEIGHT - MARGIN.bottom;
  const y = scale([0, top], [floor, MARGIN.top]);
  const at = (index) => x(times[index]);
  const height = (values) => (index) => y(Math.min(values[index], top));
  const lines = pieces.map((run) => linePath(run, at, height(mean)));
  const hasBand = pieces.some((run) => run.some((index) => max[index] > min[index]));
  const node = h(
    "svg",
    {
      class: "chart-canvas",
      role: "img",
      "aria-label": plot.label,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
    },
    marksOf(plot, x, frame),
    grid(plot, top, y, width),
    timeLabels(frame, x),
    pieces.map((run, n) => h("path", { class: "chart-area", d: areaPath(lines[n], run, at, floor) })),
    hasBand && pieces.map((run) => h("path", { class: "chart-band", d: bandPath(run, at, height(min), height(max)) })),
    thresholdsOf(plot, top, y, width),
    most > top && beyondLabel(`↑ ${plot.format(most)}`, width),
    plot.forecast && forecastOf(plot.forecast, frame, x, y, top),
    frame.domain[1] > now &&
      h("line", { class: "chart-now-line", x1: round(x(now)), x2: round(x(now)), y1: MARGIN.top, y2: floor }),
    pieces.map((run, n) => h("path", { class: lineClass(run), d: lines[n] })),
  );
  return { node, y: (value) => y(Math.min(value, top)) };
}

/** At the right, where no threshold has its words. */
function beyondLabel(words, width) {
  const x = width - MARGIN.right - 4;
  return h("text", { class: "chart-label", x, y: MARGIN.top + 10, "text-anchor": "end" }, words);
}

function lineClass(run) {
  return classes("chart-line", run.length === 1 && "chart-dot");
}

/** What lies over a chart, of its size. */
function overlay({ width }, ...content) {
  const size = { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT };
  return h("svg", { class: "chart-overlay", "aria-hidden": "true", ...size }, ...content);
}

/** The crosshair at a time, with a dot at the value if there is one. */
export function drawCrosshair(frame, at, height) {
  const place = round(timeScale(frame)(at));
  return overlay(
    frame,
    h("line", { class: "chart-crosshair", x1: place, x2: place, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
    height !== null && h("circle", { class: "chart-point", cx: place, cy: round(height), r: 4 }),
  );
}

/** The window that is being dragged over. */
export function drawSelection(frame, from, to) {
  const x = timeScale(frame);
  const [left, right] = [x(Math.min(from, to)), x(Math.max(from, to))].map(round);
  return overlay(
    frame,
    h("rect", {
      class: "chart-selection",
      x: left,
      y: MARGIN.top,
      width: right - left,
      height: HEIGHT - MARGIN.top - MARGIN.bottom,
    }),
  );
}

/** A small line without axes, `[width, height]` in px, with a threshold if it is near. */
export function drawSparkline(frame, plot, [width, height]) {
  const { times, window: range, stepMs, now } = frame;
  const { mean = [] } = plot.column ?? {};
  const pieces = runs(times, mean, range, stepMs);
  const { top } = topOf(plot, pieces, mean);
  const x = scale([frame.domain[0], Math.min(now, frame.domain[1])], [1, width - 1]);
  const y = scale([0, top], [height - 1, 2]);
  const at = (index) => x(times[index]);
  const lines = pieces.map((run) => linePath(run, at, (index) => y(Math.min(mean[index], top))));
  return h(
    "svg",
    { class: "sparkline", "aria-hidden": "true", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" },
    pieces.map((run, n) => h("path", { class: "chart-area", d: areaPath(lines[n], run, at, height) })),
    plot.thresholds
      .filter(({ value }) => value <= top)
      .slice(0, 1)
      .map(({ value }) =>
        h("line", { class: "chart-threshold", x1: 0, x2: width, y1: round(y(value)), y2: round(y(value)) }),
      ),
    pieces.map((run, n) => h("path", { class: lineClass(run), d: lines[n] })),
  );
}

/**
 * Where the axis ends, and the greatest value, which may be beyond: a few spikes that are many times as high as all
 * else would press the line to the ground. They are cut off, and told; not where they are past a threshold.
 * @param {Plot} plot
 * @param {number[][]} pieces
 * @param {(number | null)[]} values
 */
function topOf({ max, thresholds, base }, pieces, values) {
  const sorted = Float64Array.from(pieces.flat(), (index) => values[index]).sort();
  const most = sorted.at(-1) ?? 0;
  if (max !== undefined) return { top: max, most };
  const usual = sorted[Math.floor((1 - SPIKES) * (sorted.length - 1))] ?? 0;
  const isPast = thresholds.some(({ value }) => most > value);
  const shown = usual > 0 && most > SPIKE * usual && !isPast ? usual * THRESHOLD_NEAR : most;
  const near = thresholds.map(({ value }) => value).filter((value) => value <= shown * THRESHOLD_NEAR);
  return { top: niceMax(Math.max(shown, ...near.map((value) => value * 1.05)), base), most };
}

function grid({ format }, top, y, width) {
  const middle = top / 2;
  const isTold = format(middle) !== format(0) && format(middle) !== format(top); // whole numbers have no half
  return [0, isTold ? middle : null, top].map(
    (value) =>
      value !== null && [
        h("line", {
          class: value ? "chart-grid" : "chart-axis",
          x1: MARGIN.left,
          x2: width - MARGIN.right,
          y1: y(value),
          y2: y(value),
        }),
        h("text", { class: "chart-label", x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value)),
      ],
  );
}

function timeLabels({ domain, width }, x) {
  const offset = new Date(domain[1]).getTimezoneOffset() * 60_000;
  const most = Math.max(2, Math.floor((width - MARGIN.left) / LABEL_WIDTH));
  const seconds = domain[1] - domain[0] < 240_000;
  return timeTicks(...domain, most, offset)
    .filter((at) => x(at) >= MARGIN.left + 12 && x(at) <= width - 20)
    .map((at) =>
      h(
        "text",
        { class: "chart-label", x: round(x(at)), y: HEIGHT - 5, "text-anchor": "middle" },
        clock(at, { seconds }),
      ),
    );
}

function thresholdsOf({ thresholds }, top, y, width) {
  return thresholds
    .filter(({ value }) => value <= top)
    .map(({ value, words }) => [
      h("line", {
        class: "chart-threshold",
        x1: MARGIN.left,
        x2: width - MARGIN.right,
        y1: round(y(value)),
        y2: round(y(value)),
      }),
      h("text", { class: "chart-threshold-label", x: MARGIN.left + 4, y: round(besideLine(y(value))) }, words),
    ]);
}

/** Where words at a line stand: above it, or below one that is at the top. */
function besideLine(place) {
  return place - 3 < MARGIN.top + 2 ? place + 12 : place - 3;
}

/** Times that are marked, as bands behind the line: each at least 2 px wide, so that a short one is seen. */
function marksOf({ marks }, x, { domain }) {
  return marks
    .filter(({ from, to }) => to >= domain[0] && from <= domain[1])
    .map(({ from, to, isCritical, words }) => {
      const left = x(Math.max(from, domain[0]));
      const width = Math.max(2, x(Math.min(to, domain[1])) - left);
      return h(
        "rect",
        {
          class: classes("chart-mark", isCritical && "critical"),
          x: round(left),
          y: MARGIN.top,
          width: round(width),
          height: HEIGHT - MARGIN.top - MARGIN.bottom,
        },
        h("title", null, words),
      );
    });
}

function forecastOf({ value, latest, middle, earliest }, { now, domain }, x, y, top) {
  const [from, to] = [Math.max(now, domain[0]), domain[1]];
  if (to <= from) return null;
  const place = (slope, at) => `${round(x(at))} ${round(y(Math.max(0, Math.min(top, value + slope * (at - now)))))}`;
  return [
    h("path", {
      class: "chart-cone",
      d: `M${place(0, from)}L${place(earliest, to)}L${place(latest, to)}Z`,
    }),
    h("path", { class: "chart-forecast", d: `M${place(0, from)}L${place(middle, to)}` }),
  ];
}
