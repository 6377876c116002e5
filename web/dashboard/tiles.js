/** The tiles: what is now, over the span of the charts, beside its threshold. */

import { drawSparkline } from "../ui/chart.js";
import { UNKNOWN } from "../ui/format.js";
import { classes, h } from "../ui/view.js";
import { thresholdWords } from "./frame.js";

/** @type {[number, number]} */
const SPARKLINE = [120, 32];
const STATE_SIGNS = { well: "✓", past: "!", alert: "!!", none: "" };

/** A text as value and unit: "1.2 MiB", "12 %", "3.4/s". */
export function valueAndUnit(text) {
  const found = /^([\d.,]+[KMBT]?)\s?(\/?[^\d\s.,].*)$/.exec(text);
  return found ? [found[1], found[2]] : [text, ""];
}

/** The tiles of these plots as a list. `href(metric)` leads to the chart. */
export function tiles(plots, frame, href) {
  return h(
    "ul",
    { class: "tiles" },
    plots.filter(({ metric }) => metric.isTile).map((plot) => tile(plot, frame, href)),
  );
}

function tile(plot, frame, href) {
  const { metric, format, newest, stats, state } = plot;
  const [value, unit] = valueAndUnit(format(newest));
  const words = thresholdWords(plot);
  return h(
    "li",
    { key: metric.name, class: classes("card tile", `is-${state}`), "data-tile": metric.name, "data-state": state },
    h(
      "p",
      { class: "tile-title" },
      h("a", { href: href(metric) }, metric.short ?? metric.title),
      words &&
        h("span", { class: "tile-state" }, h("span", { "aria-hidden": "true" }, STATE_SIGNS[state]), ` ${words}`),
    ),
    h(
      "p",
      { class: "tile-value" },
      value,
      unit && h("span", { class: "tile-unit" }, unit.startsWith("/") ? unit : ` ${unit}`),
    ),
    drawSparkline(frame, plot, SPARKLINE),
    h(
      "dl",
      { class: "tile-stats" },
      ["mean", "p95", "max"].map((name) =>
        h("div", null, h("dt", null, name), h("dd", null, stats ? format(stats[name]) : UNKNOWN)),
      ),
    ),
  );
}
