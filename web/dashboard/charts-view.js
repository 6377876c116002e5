/**
 * All charts over one time axis, with one crosshair: by pointer, finger, or arrow keys on the slider above them. A drag
 * zooms in, a double click or Escape out. The table beneath says the same in words.
 */

import { nearestIndex } from "../ui/chart-math.js";
import { drawCrosshair, drawPlot, drawSelection, timeAt } from "../ui/chart.js";
import { clock, UNKNOWN } from "../ui/format.js";
import { h, patch } from "../ui/view.js";
import { table } from "./table.js";

const DRAG_MIN_PX = 8;
const ZOOM_MIN_STEPS = 4;
const ZOOM_FACTOR = 4;
const STAT_NAMES = ["mean", "p95", "max"];

export class ChartsView {
  #root;
  #store;
  #poller;
  #content;
  #zoom;
  #observer = null;
  #grid = null;
  #drawn = new Map(); // metric → {plot, width, node, y}: what stays while only the crosshair moves
  #frame = null;
  #drag = null; // {from, to, startX, pointerId}
  #isRead = false; // by the slider: the table is read out
  #end;

  /**
   * `store.state` has `choice`; `cursor`, the time that is read, or null; `drag`, `{from, to}` or null; `width`, of a
   * chart in px, which this view measures. `zoom(window)` shows `{from, to}`, or with null the whole span.
   * @param {{root: HTMLElement, store: any, poller: any, content: any, zoom: (window: any) => void}} options
   */
  constructor({ root, store, poller, content, zoom }) {
    this.#root = root;
    this.#store = store;
    this.#poller = poller;
    this.#content = content;
    this.#zoom = zoom;
    document.addEventListener("keydown", this.#onKey);
    document.addEventListener("pointerdown", this.#onPointerElsewhere);
    this.#end = store.select(
      ({ choice, cursor, width, drag }) => [choice, cursor, width, drag, this.#version()],
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
    this.#observer?.disconnect();
    document.removeEventListener("keydown", this.#onKey);
    document.removeEventListener("pointerdown", this.#onPointerElsewhere);
    patch(this.#root, null);
  }

  #version() {
    return this.#store.version("snapshot");
  }

  #draw() {
    const { choice, cursor, width, drag } = this.#store.state;
    const { snapshot, isLoading } = this.#poller;
    if (!snapshot) return patch(this.#root, null);
    const content = this.#content.of(this.#poller, choice);
    const { plots } = content;
    const frame = { ...content.frame, width };
    this.#frame = frame;
    const index = cursor === null ? -1 : readIndex(frame, cursor);
    patch(this.#root, [
      this.#slider(frame, index),
      h(
        "div",
        { class: "charts", "aria-busy": String(isLoading), ref: (node) => this.#measure(node) },
        plots.map((plot) => this.#chart(plot, { frame, index, drag })),
      ),
      plots.length === 0 && h("p", { class: "hint" }, emptyWords(snapshot, isLoading)),
      plots.length > 0 && this.#values(plots, frame, index),
    ]);
  }

  #measure(grid) {
    this.#grid = grid;
    this.#observer = new ResizeObserver(() => {
      const plot = grid.querySelector(".chart-plot");
      if (plot) this.#store.set({ width: plot.clientWidth });
    });
    this.#observer.observe(grid);
  }

  // ---- what is drawn ------------------------------------------------------------------------------------------------

  #chart(plot, { frame, index, drag }) {
    const { metric, title, format, column, newest, stats, trend } = plot;
    const { node, y } = this.#plotNode(plot, frame);
    const isRead = index >= 0;
    const value = isRead ? column.mean[index] : newest;
    const height = isRead && value !== null ? y(value) : null;
    return h(
      "figure",
      { key: metric.name, class: "card chart", id: `chart-${metric.name}`, "data-metric": metric.name },
      h(
        "figcaption",
        { class: "chart-head" },
        h("h3", { tabindex: "-1" }, title),
        h("span", { class: "chart-value", "data-read": isRead }, format(value)),
      ),
      h(
        "div",
        {
          class: "chart-plot",
          on: {
            pointerdown: (event) => this.#onPointerDown(event),
            pointermove: (event) => this.#onPointerMove(event),
            pointerup: () => this.#onPointerUp(),
            pointercancel: () => this.#endDrag(),
            pointerleave: (event) => this.#onPointerLeave(event),
            dblclick: () => this.#zoom(null),
          },
        },
        node,
        drag && drawSelection(frame, drag.from, drag.to),
        isRead && drawCrosshair(frame, frame.times[index], height),
      ),
      h(
        "p",
        { class: "chart-foot" },
        STAT_NAMES.map((name) => h("span", null, h("i", null, name), ` ${stats ? format(stats[name]) : UNKNOWN}`)),
        trend && h("span", { class: `trend ${trend.way}`, title: trend.words }, trend.way),
      ),
    );
  }

  #plotNode(plot, frame) {
    const before = this.#drawn.get(plot.metric.name);
    if (before?.plot === plot && before.width === frame.width) return before;
    const drawn = frame.width > 0 ? drawPlot(frame, plot) : { node: h("div", { class: "chart-canvas" }), y: () => 0 };
    const made = { plot, width: frame.width, ...drawn };
    this.#drawn.set(plot.metric.name, made);
    return made;
  }

  #slider(frame, index) {
    const [first, end] = frame.window;
    const at = index >= 0 ? index : end - 1;
    return h(
      "div",
      { class: "scrubber" },
      h("label", { for: "scrubber" }, "Crosshair"),
      h("input", {
        id: "scrubber",
        type: "range",
        min: first,
        max: Math.max(first, end - 1),
        step: 1,
        disabled: end <= first,
        "aria-valuetext": end > first ? clock(frame.times[at]) : "no samples",
        "aria-describedby": "scrubber-keys",
        props: { value: String(at) },
        on: {
          input: ({ currentTarget }) => this.#read(frame.times[Number(currentTarget.value)]),
          focus: ({ currentTarget }) => this.#read(frame.times[Number(currentTarget.value)]),
          blur: () => this.#read(null),
          keydown: (event) => this.#onSliderKey(event),
        },
      }),
      h("span", { class: "scrubber-time", "aria-hidden": "true" }, index >= 0 ? clock(frame.times[index]) : "now"),
      h("span", { id: "scrubber-keys", class: "sr-only" }, "Arrow keys move it, + zooms in, − and Escape zoom out."),
    );
  }

  #values(plots, frame, index) {
    const isRead = index >= 0;
    const at = isRead ? `At ${clock(frame.times[index])}` : "Now";
    return h(
      "div",
      { class: "card values" },
      h("h3", null, `Values: ${isRead ? at.toLowerCase() : "now"}, and of ${frame.words}`),
      table({
        label: "Values of all charts",
        columns: ["Metric", at, ...STAT_NAMES, "Threshold"],
        rows: plots.map(({ metric, title, format, column, newest, stats, threshold }) => ({
          key: metric.name,
          cells: [
            title,
            format(isRead ? column.mean[index] : newest),
            ...STAT_NAMES.map((name) => format(stats?.[name])),
            threshold ? format(threshold.degraded) : UNKNOWN,
          ],
        })),
        live: this.#isRead ? "polite" : "off",
      }),
    );
  }

  // ---- the crosshair and the zoom -----------------------------------------------------------------------------------

  #read(at) {
    this.#isRead = at !== null;
    this.#store.set({ cursor: at ?? null });
  }

  #timeOf(event) {
    const { left } = event.currentTarget.getBoundingClientRect();
    return timeAt(this.#frame, event.clientX - left);
  }

  #onPointerDown(event) {
    if (event.pointerType === "touch") return this.#point(event);
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    this.#drag = { from: this.#timeOf(event), startX: event.clientX };
  }

  #onPointerMove(event) {
    if (this.#drag) {
      if (Math.abs(event.clientX - this.#drag.startX) >= DRAG_MIN_PX)
        this.#store.set({ drag: { from: this.#drag.from, to: this.#timeOf(event) } });
    }
    this.#point(event);
  }

  #onPointerUp() {
    const { drag } = this.#store.state;
    this.#endDrag();
    if (drag) this.#zoomTo(Math.min(drag.from, drag.to), Math.max(drag.from, drag.to));
  }

  #endDrag() {
    this.#drag = null;
    this.#store.set({ drag: null });
  }

  #onPointerLeave({ pointerType }) {
    // A finger covers the point: what it read stays until a touch elsewhere.
    if (pointerType !== "touch" && !this.#drag) this.#store.set({ cursor: null });
  }

  #point(event) {
    if (this.#frame.times.length) this.#store.set({ cursor: this.#timeOf(event) });
  }

  #onPointerElsewhere = ({ target }) => {
    if (this.#store.state.cursor === null || this.#grid?.contains(target) || target.id === "scrubber") return;
    this.#store.set({ cursor: null });
  };

  #zoomTo(from, to) {
    if (to - from >= ZOOM_MIN_STEPS * this.#frame.stepMs) this.#zoom({ from, to });
  }

  #onSliderKey(event) {
    const { domain, times } = this.#frame;
    const at = this.#store.state.cursor ?? times.at(-1);
    const half = (domain[1] - domain[0]) / 2;
    if (event.key === "+" || event.key === "=") {
      const part = half / ZOOM_FACTOR;
      const middle = Math.min(domain[1] - part, Math.max(domain[0] + part, at));
      this.#zoomTo(middle - part, middle + part);
    } else if (event.key === "-" || event.key === "−") this.#zoom(null);
    else return;
    event.preventDefault();
  }

  #onKey = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (this.#drag) return this.#endDrag(); // and nothing else
    if (this.#store.state.choice.zoom) this.#zoom(null);
    else this.#store.set({ cursor: null });
  };
}

/** The index of the time that is read, -1 if it is not in sight. */
function readIndex({ times, window: [first, end] }, cursor) {
  const index = nearestIndex(times, cursor);
  return index >= first && index < end ? index : -1;
}

function emptyWords({ scope, processes, processId, answeredBy }, isLoading) {
  if (isLoading) return "Loading the history…";
  if (scope === "cluster" && processes.length > 1)
    return "Collected while this page is open: the first values come now.";
  if (processId !== answeredBy) return "Collected while this page is open, and all of it once that process answers.";
  return "No samples: monitoring is off (ENABLE_PERFORMANCE_MONITORING), or has just begun.";
}
