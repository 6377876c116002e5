/** The current values: status, alerts, tiles, processes. Values from clients (ids of rooms) become text nodes. */

import {
  alertWords,
  bytes,
  count,
  duration,
  moment,
  ms,
  number,
  percent,
  share,
  spaced,
  UNKNOWN,
} from "../ui/format.js";
import { failuresOf, detailCards } from "./detail-cards.js";
import { renderTable } from "./table.js";
import { byId, el, setText } from "../ui/dom.js";

const WORST = ["unhealthy", "degraded", "healthy"];

/** `[title, value, line beneath]` of each tile. */
function tiles({ performance, websocket, cache, rates, scope }) {
  const { lately, memory, cpu } = performance;
  const connections = websocket?.connections ?? {};
  const ack = scope === "process" && lately ? lately.sendToAckP95Ms : websocket?.sendToAckMs.p95;
  const lag = scope === "process" && lately ? lately.loopLagMs : performance.loopLagMs.p99;
  const when = scope === "process" && lately ? "p95 of the last sample" : "p95 since the start";
  return [
    [
      "Connections",
      count(connections.now),
      `${connections.peak == null ? "" : `peak ${count(connections.peak)} · `}of ${count(connections.max)}`,
    ],
    ["Open rooms", count(websocket?.rooms.open), `${count(connections.opened)} connections since the start`],
    ["Messages in", `${number(rates.in)}/s`, `${count(websocket?.messages.in)} since the start`],
    ["Messages out", `${number(rates.out)}/s`, `${count(websocket?.messages.out)} since the start`],
    ["Send to ack", ms(ack), when],
    [
      "CPU",
      percent(cpu.percent),
      cpu.machinePercent == null ? "of one core, added up" : `of one core · machine ${percent(cpu.machinePercent)}`,
    ],
    [
      "Memory",
      bytes(memory.rssBytes),
      memory.percent == null ? "resident, added up" : `${percent(memory.percent)} of ${bytes(memory.limitBytes)}`,
    ],
    ["Loop lag", ms(lag), scope === "process" && lately ? "p99 of the last sample" : "p99 since the start"],
    ["Cache hits", share(cache?.hitRate), cache?.busLost ? "the bus is lost" : "of all reads since the start"],
    [
      "Server errors",
      lately && scope === "process" ? `${number(lately.httpErrors)}/s` : count(failuresOf(performance)),
      "HTTP answers with 5xx",
    ],
  ];
}

export class Overview {
  #tiles = new Map();
  #cards = new Map();

  constructor({ poller }) {
    this.poller = poller;
  }

  render() {
    const { data } = this.poller;
    this.#status(data);
    this.#note(data);
    this.#active(data);
    for (const tile of tiles(data)) this.#tile(...tile);
    this.#cluster(data);
    const cards = detailCards(this.#cards, data);
    if (byId("parts").children.length !== cards.length) byId("parts").replaceChildren(...cards);
    this.#history(data);
  }

  #status({ performance, about, performanceHealth, databaseHealth, cacheHealth }) {
    const reports = { performance: performanceHealth, database: databaseHealth, cache: cacheHealth };
    const found = Object.values(reports).map((report) => report?.status ?? "unhealthy");
    const worst = WORST.find((status) => found.includes(status));
    const reasons = Object.entries(reports).flatMap(([name, report]) =>
      report === null
        ? [`${name}: no answer`]
        : Object.entries(report.checks)
            .filter(([, one]) => one.status !== "healthy")
            .map(([check, one]) => `${name === "performance" ? "" : `${name}: `}${spaced(check)} ${wordsOf(one)}`),
    );
    const item = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
    byId("status").replaceChildren(
      item(
        "Health",
        el("span", { class: `pill ${worst}`, id: "health" }, worst),
        reasons.length ? el("span", { class: "reasons" }, reasons.join(" · ")) : null,
      ),
      item("Process", el("span", { id: "process-id" }, performance.processId)),
      item("Up for", duration(about?.processId === performance.processId ? about.uptime : performance.uptimeS)),
      item("Version", about?.version ?? UNKNOWN),
      item("Store", about?.store ?? UNKNOWN),
      item("Cache", about?.cache ?? UNKNOWN),
    );
  }

  #note({ others }) {
    byId("note").hidden = others.size === 0;
    const text =
      `Several processes answer here in turn (${[...others].join(", ")}), so numbers of “this process” jump.` +
      ` Choose the whole cluster, or open one process at its own port.`;
    setText(byId("note"), others.size ? text : "");
  }

  #active({ alerts, receivedAt }) {
    const cards = (alerts?.active ?? []).map((alert) => {
      const { title, value, threshold } = alertWords(alert);
      return el(
        "div",
        { class: `alert ${alert.severity}`, "data-alert": alert.name },
        el("strong", {}, title),
        el("span", { class: "alert-severity" }, alert.severity),
        el("span", {}, value ? `${value}, threshold ${threshold}` : ""),
        el("span", { class: "alert-since" }, `since ${moment(alert.since, receivedAt)}`),
      );
    });
    byId("active").replaceChildren(
      ...(cards.length
        ? cards
        : [el("p", { class: "no-alerts" }, alerts ? "No alert is active." : "The alerts are not told.")]),
    );
  }

  #tile(name, value, beneath) {
    let tile = this.#tiles.get(name);
    if (!tile) {
      tile = { value: el("dd", { class: "tile-value" }), beneath: el("dd", { class: "tile-beneath" }) };
      const id = `tile-${name.toLowerCase().replaceAll(" ", "-")}`;
      byId("tiles").append(el("div", { class: "card tile", id }, el("dt", {}, name), tile.value, tile.beneath));
      this.#tiles.set(name, tile);
    }
    setText(tile.value, value);
    setText(tile.beneath, beneath);
  }

  #cluster({ scope, performance }) {
    byId("cluster").hidden = scope !== "cluster";
    if (scope !== "cluster") return;
    const { complete, processes } = performance;
    setText(byId("cluster-note"), complete ? "" : "Redis cannot be asked: this is the process that answers, alone.");
    renderTable(byId("processes"), {
      label: "Processes of the cluster",
      columns: ["Process", "Up for", "Connections", "Peak", "CPU", "Memory", "Store queue", "Outboxes", "Shedding"],
      rows: processes.map((one) => [
        one.processId,
        duration(one.uptimeS),
        count(one.connections),
        count(one.connectionsPeak),
        percent(one.cpuPercent),
        one.residentMemoryBytes == null ? UNKNOWN : `${bytes(one.residentMemoryBytes)} (${percent(one.memoryPercent)})`,
        count(one.storeQueue),
        bytes(one.outboxBytes),
        one.shedLevel == null ? UNKNOWN : `level ${one.shedLevel}`,
      ]),
    });
  }

  #history({ alerts, receivedAt }) {
    renderTable(byId("alerts"), {
      label: "Past alerts, newest first",
      columns: ["Alert", "Severity", "Worst", "Threshold", "Raised", "Resolved", "Lasted"],
      texts: 2,
      rows: (alerts?.history ?? []).map((alert) => {
        const { title, value, threshold } = alertWords(alert);
        const lasted = duration((Date.parse(alert.resolvedAt) - Date.parse(alert.since)) / 1000);
        return [
          title,
          alert.severity,
          value,
          threshold,
          moment(alert.since, receivedAt),
          moment(alert.resolvedAt, receivedAt),
          lasted,
        ];
      }),
      empty: "None since the start.",
    });
  }
}

function wordsOf({ value, threshold }) {
  const text = (one) => (typeof one === "number" ? number(one) : Array.isArray(one) ? one.join(", ") : String(one));
  return threshold === null ? text(value) : `${text(value)} of ${text(threshold)}`;
}
