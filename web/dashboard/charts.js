/** The table of charts, and the view that shows those whose metric the server has. */

import { RANGES } from "./metrics-poller.js";
import { bytes, ms, number, percent, share } from "../ui/format.js";
import { byId, setText } from "../ui/dom.js";

const NAMES = { hour: "The last hour", day: "The last day" };

/** `max`: the end of the axis, for values with a fixed maximum. */
export const CHARTS = [
  { metric: "messagesIn", title: "Messages in, a second", format: number },
  { metric: "messagesOut", title: "Messages out, a second", format: number },
  { metric: "connections", title: "Connections", format: number },
  { metric: "sendToAckP95Ms", title: "Send to ack, p95", format: ms },
  { metric: "sendToDeliveryP95Ms", title: "Send to delivery, p95", format: ms },
  { metric: "loopLagMs", title: "Event loop lag, p99", format: ms },
  { metric: "cpu", title: "CPU, of one core", format: percent },
  { metric: "memory", title: "Memory", format: bytes, base: 1024 },
  { metric: "cacheHitRate", title: "Cache hits", format: share, max: 1 },
  { metric: "storeQueue", title: "Writes that wait for the store", format: number },
  { metric: "databaseP95Ms", title: "Database, p95", format: ms },
  { metric: "httpErrors", title: "Server errors (5xx), a second", format: number },
];

export class ChartsView {
  #charts = new Map();

  constructor({ poller, Chart }) {
    this.poller = poller;
    this.Chart = Chart;
  }

  render() {
    const { series, seriesRange, data, choice } = this.poller;
    const rangeName = NAMES[seriesRange];
    setText(byId("charts-title"), rangeName);
    byId("charts").setAttribute("aria-busy", `${choice.range !== seriesRange || series.size === 0}`);
    if (!data) return;
    const { processId, lately } = data.performance;
    setText(
      byId("charts-of"),
      choice.scope === "cluster" ? `Each process keeps a history of its own: this is ${processId}'s.` : "",
    );
    const rangeMs = RANGES[seriesRange] * 60_000;
    const known = CHARTS.filter(({ metric }) => series.get(metric)?.points.length);
    for (const [metric, chart] of this.#charts) if (!known.some((one) => one.metric === metric)) chart.root.remove();
    let before = null;
    for (const { metric, ...options } of known) {
      const chart = this.#charts.get(metric) ?? new this.Chart(options);
      this.#charts.set(metric, chart);
      chart.root.dataset.metric = metric;
      const place = before ? before.nextSibling : byId("charts").firstChild;
      if (chart.root !== place) byId("charts").insertBefore(chart.root, place);
      before = chart.root;
      const history = series.get(metric);
      const now = Math.max(Date.parse(data.performance.at), history.points.at(-1)[0]);
      chart.show({ ...history, rangeMs, rangeName: rangeName.toLowerCase(), now, newest: lately?.[metric] ?? null });
    }
    byId("charts-empty").hidden = known.length > 0 || series.size === 0;
  }
}
