/**
 * A line chart over time as SVG: axes, a summary (min, mean, p95, max, trend), a readout by pointer, touch or arrow
 * keys, and a text alternative. Knows no metric and no server.
 */

import {
  areaPath,
  direction,
  domainOf,
  linePath,
  nearestIndex,
  niceMax,
  runs,
  scale,
  timeTicks,
} from "./chart-math.js";
import { clock } from "./format.js";
import { el, setText } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 132;
const MARGIN = { top: 8, right: 10, bottom: 20 };
const MIN_STEPS = 24;
const DAY_MS = 86_400_000;
const TREND_MIN_MS = 600_000; // the trend of the first minutes after a start means nothing

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export class Chart {
  #data = { points: [] };
  #index = null; // of the point in the readout
  #frame = null;

  /** `format`: value → text; `max`: a fixed end of the axis; `base`: 1024 for bytes. */
  constructor({ title, format, max = null, base = 1000 }) {
    this.title = title;
    this.format = format;
    this.max = max;
    this.base = base;
    this.now = el("span", { class: "chart-now" });
    this.readout = el("span", { class: "chart-readout", "aria-hidden": "true" });
    this.foot = el("p", { class: "chart-foot" });
    this.canvas = svg("svg", { class: "chart-canvas", role: "img", height: HEIGHT, focusable: "false" });
    // A native slider makes the points accessible to keyboards and screen readers.
    this.slider = el("input", {
      class: "chart-slider",
      type: "range",
      min: 0,
      step: 1,
      "aria-label": `${title}: read a value`,
    });
    this.plot = el("div", { class: "chart-plot" }, this.canvas, this.slider);
    this.root = el(
      "figure",
      { class: "card chart" },
      el("figcaption", { class: "chart-head" }, el("h3", {}, title), this.readout, this.now),
      this.plot,
      this.foot,
    );
    this.slider.addEventListener("input", () => this.#select(Number(this.slider.value)));
    this.slider.addEventListener("focus", () => this.#select(Number(this.slider.value)));
    this.slider.addEventListener("blur", () => this.#select(null));
    for (const name of ["pointermove", "pointerdown"])
      this.plot.addEventListener(name, (event) => this.#onPointer(event));
    // A finger covers the point: the readout stays until a touch elsewhere or a scroll.
    this.plot.addEventListener("pointerleave", ({ pointerType }) => pointerType === "touch" || this.#clearReadout());
    this.plot.addEventListener("pointercancel", () => this.#clearReadout());
    document.addEventListener(
      "pointerdown",
      ({ target }) => this.#index === null || this.plot.contains(target) || this.#clearReadout(),
    );
    new ResizeObserver(() => this.#draw()).observe(this.plot);
  }

  /** `{points, min, mean, max, p95, trend, stepS, rangeMs, now, newest, rangeName}` */
  show(data) {
    const read = this.#index === null ? null : this.#data.points[this.#index]?.[0];
    const isAtEnd = this.#index === this.#data.points.length - 1;
    this.#data = data;
    if (this.#index !== null)
      this.#index = isAtEnd && !this.plot.matches(":hover") ? data.points.length - 1 : nearestIndex(data.points, read);
    this.#draw();
  }

  #draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#drawNow();
    });
  }

  #drawNow() {
    const { points, rangeMs, now, stepS } = this.#data;
    const width = this.plot.clientWidth;
    if (!rangeMs || !width) return;
    const top = this.max ?? niceMax(Math.max(0, ...points.map(([, value]) => value)), this.base);
    const labels = [0, top / 2, top].map((value) => [value, this.format(value)]);
    const left = 8 + 6.3 * Math.max(...labels.map(([, text]) => text.length));
    const floor = HEIGHT - MARGIN.bottom;
    const domain = domainOf(points, now, rangeMs, MIN_STEPS * stepS * 1000);
    this.x = scale(domain, [left, width - MARGIN.right]);
    this.y = scale([0, top], [floor, MARGIN.top]);
    this.domain = domain;
    this.left = left;
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.setAttribute("width", width);
    const grid = labels.flatMap(([value, text]) => [
      svg("line", {
        class: value ? "chart-grid" : "chart-axis",
        x1: left,
        x2: width - MARGIN.right,
        y1: this.y(value),
        y2: this.y(value),
      }),
      svg("text", { class: "chart-label", x: left - 6, y: this.y(value) + 4, "text-anchor": "end" }, text),
    ]);
    const span = domain[1] - domain[0];
    const offset = new Date(now).getTimezoneOffset() * 60_000;
    const times = timeTicks(...domain, Math.max(2, Math.floor((width - left) / 62)), offset)
      .filter((at) => this.x(at) >= left + 12 && this.x(at) <= width - 18)
      .map((at) =>
        svg(
          "text",
          { class: "chart-label", x: this.x(at), y: HEIGHT - 5, "text-anchor": "middle" },
          clock(at, { seconds: span < 240_000 }),
        ),
      );
    const shown = points.filter(([at]) => at >= domain[0]);
    const pieces = runs(shown, 3.5 * stepS * 1000);
    const clipped = (value) => this.y(Math.min(value, top));
    const areas = pieces.map((run) => svg("path", { class: "chart-area", d: areaPath(run, this.x, clipped, floor) }));
    const lines = pieces.map((run) =>
      svg("path", { class: run.length > 1 ? "chart-line" : "chart-line chart-dot", d: linePath(run, this.x, clipped) }),
    );
    this.cursor = svg("g", { class: "chart-cursor" });
    this.canvas.replaceChildren(...grid, ...times, ...areas, ...lines, this.cursor);
    this.slider.max = Math.max(0, points.length - 1);
    this.slider.disabled = points.length === 0;
    if (document.activeElement !== this.slider) this.slider.value = this.slider.max;
    this.#summarize(span);
    this.#drawReadout();
  }

  #summarize(span) {
    const { points, min, mean, max, p95, trend, newest, rangeName } = this.#data;
    const value = newest ?? points.at(-1)?.[1];
    setText(this.now, this.format(value));
    if (!points.length) {
      setText(this.foot, "No samples in this time.");
      this.canvas.setAttribute("aria-label", `${this.title}, ${rangeName}: no samples.`);
      return;
    }
    const f = this.format;
    const way = span < TREND_MIN_MS ? "" : direction(trend, { hours: span / 3_600_000, max });
    const slope = way === "" || way === "steady" ? "" : ` ${f(Math.abs(trend.slopePerHour))} an hour`;
    const facts = Object.entries({ min, mean, p95, max }).map(([name, one]) =>
      el("span", {}, el("i", {}, name), ` ${f(one)}`),
    );
    this.foot.replaceChildren(...facts, way && el("span", { class: `trend ${way}`, title: way + slope }));
    this.canvas.setAttribute(
      "aria-label",
      `${this.title}, ${rangeName}: newest ${f(value)}, lowest ${f(min)}, mean ${f(mean)}` +
        `, highest ${f(max)}${way && `, ${way}${slope}`}.`,
    );
  }

  // ---- the readout --------------------------------------------------------------------------------------------------

  #onPointer(event) {
    if (!this.x || !this.#data.points.length) return;
    const { left, width } = this.plot.getBoundingClientRect();
    const share = (event.clientX - left - this.left) / (width - this.left - MARGIN.right);
    const at = this.domain[0] + Math.max(0, Math.min(1, share)) * (this.domain[1] - this.domain[0]);
    this.#select(nearestIndex(this.#data.points, at));
  }

  #clearReadout() {
    this.#select(document.activeElement === this.slider ? Number(this.slider.value) : null);
  }

  #select(index) {
    this.#index = index;
    this.#drawReadout();
  }

  #drawReadout() {
    const point = this.#index === null ? undefined : this.#data.points[this.#index];
    this.root.toggleAttribute("data-reading", point !== undefined);
    if (!point || !this.cursor) {
      this.cursor?.replaceChildren();
      setText(this.readout, "");
      return;
    }
    const [at, value] = point;
    const x = this.x(at);
    const y = this.y(Math.min(value, this.max ?? Infinity));
    this.cursor.replaceChildren(
      svg("line", { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
      svg("circle", { cx: x, cy: y, r: 4 }),
    );
    const words = `${this.format(value)} at ${clock(at, { seconds: this.#data.rangeMs < DAY_MS })}`;
    setText(this.readout, words);
    this.slider.value = this.#index;
    this.slider.setAttribute("aria-valuetext", words);
  }
}
