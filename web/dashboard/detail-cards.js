/** The cards with details: latency, rooms, limits, database, cache, HTTP. Cards are reused, which keeps the focus. */

import { bytes, count, moment, ms, number, share, UNKNOWN } from "../ui/format.js";
import { renderTable } from "./table.js";
import { el, setText } from "../ui/dom.js";

const ROUTES_MAX = 8;
const OPERATIONS_MAX = 8;
const SLOW_MAX = 5;
const SHED_LEVELS = [
  "nothing is shed",
  "typing and presence",
  "search, history and totals too",
  "new connections and logins too",
  "a part of the messages too",
];

/** The card with this id from the Map `cards`, created if it is missing. */
function card(cards, id, title) {
  if (!cards.has(id)) {
    const facts = el("dl", { class: "facts" });
    const boxes = new Map();
    const root = el(
      "section",
      { class: "card part", id, "aria-labelledby": `${id}-title` },
      el("h3", { id: `${id}-title` }, title),
      facts,
    );
    cards.set(id, {
      root,
      facts: (pairs) =>
        facts.replaceChildren(...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
      table(options) {
        if (!boxes.has(options.label)) {
          boxes.set(options.label, el("div", { class: "part-table" }));
          root.append(boxes.get(options.label));
        }
        renderTable(boxes.get(options.label), options);
      },
      line(text) {
        let line = root.querySelector(".part-line");
        if (!line) root.append((line = el("p", { class: "hint part-line" })));
        setText(line, text);
      },
    });
  }
  return cards.get(id);
}

/** All cards with the current data; the Map `cards` keeps them between calls. */
export function detailCards(cards, data) {
  return [latency, rooms, limits, database, cache, http].map((fill) => fill(cards, data).root);
}

function latency(cards, { performance, websocket, scope }) {
  const one = card(cards, "part-latency", "Latency");
  const lately = scope === "process" ? performance.lately : null;
  const ways = [
    ["Send to ack", "sendToAck", websocket?.sendToAckMs],
    ["Send to delivery", "sendToDelivery", websocket?.sendToDeliveryMs],
  ];
  const rows = ways.flatMap(([name, key, all]) => [
    ...(lately ? [[`${name}, now`, ...[50, 95, 99].map((p) => ms(lately[`${key}P${p}Ms`]))]] : []),
    [`${name}, in all`, ms(all?.p50), ms(all?.p95), ms(all?.p99)],
  ]);
  const lag = performance.loopLagMs;
  rows.push(["Event loop lag, in all", ms(lag.p50), ms(lag.p95), ms(lag.p99)]);
  one.table({ label: "Latency percentiles", columns: ["Latency", "p50", "p95", "p99"], rows });
  one.line(`${lately ? "Now: in the last sample. " : ""}In all: since the start.`);
  const slow = websocket?.slowReaders ?? {};
  one.facts([
    ["Slow readers", `${count(slow.now)} now, ${count(slow.closed)} closed`],
    ["Outboxes", bytes(websocket?.outbox.bytes)],
    ["Loop blocked", `${count(performance.loopBlocks)} × over 250 ms`],
  ]);
  return one;
}

function rooms(cards, { websocket, scope }) {
  const one = card(cards, "part-rooms", "Busiest rooms");
  const top = websocket?.rooms.top ?? [];
  one.table({
    label: "The ten rooms with the most connections",
    columns: ["Room", "Connections"],
    rows: top.map(({ roomId, connections }) => [roomId, count(connections)]),
    empty: "No room is open.",
  });
  one.line(`${count(websocket?.rooms.open)} open${scope === "cluster" ? ", in all processes" : ""}.`);
  return one;
}

function limits(cards, { performance }) {
  const one = card(cards, "part-limits", "Limits and shedding");
  const { level, messageShare, shed } = performance.shedding;
  one.facts([
    ["Shedding", level == null ? "of each process" : `level ${level}: ${SHED_LEVELS[level] ?? ""}`],
    ["Messages let in", share(messageShare)],
    [
      "Shed",
      Object.entries(shed)
        .map(([kind, many]) => `${kind} ${count(many)}`)
        .join(", ") || "nothing yet",
    ],
  ]);
  const operations = Object.entries(performance.limits);
  one.table({
    label: "Requests by limit",
    columns: ["Limit", "Allowed", "Refused", "Exempt"],
    rows: operations.map(([name, by]) => [name, count(by.allowed ?? 0), count(by.refused ?? 0), count(by.exempt ?? 0)]),
    empty: "Nothing was counted yet.",
  });
  return one;
}

function database(cards, { database: page, receivedAt }) {
  const one = card(cards, "part-database", "Database");
  if (!page) {
    one.facts([["State", "it does not answer"]]);
    return one;
  }
  const pool = page.pool;
  one.facts([
    ["Waiting to be stored", count(page.queue)],
    ["Pool", pool ? `${count(pool.inUse)} of ${count(pool.limit)} in use, ${count(pool.waiting)} waiting` : UNKNOWN],
    ["Commits", `${count(page.commits.count)}, p95 ${ms(page.commits.p95Ms)}`],
    ["Slow", count(page.slow.count)],
  ]);
  const operations = Object.entries(page.operations).sort(([, a], [, b]) => b.count - a.count);
  one.table({
    label: "Operations of the store",
    columns: ["Operation", "Count", "p95", "Errors", "Slow"],
    rows: operations
      .slice(0, OPERATIONS_MAX)
      .map(([name, by]) => [name, count(by.count), ms(by.p95Ms), count(by.errors), count(by.slow)]),
  });
  if (page.slow.newest.length) {
    one.table({
      label: "Slow operations",
      columns: ["Slow operation", "Took", "At"],
      rows: page.slow.newest
        .slice(0, SLOW_MAX)
        .map(({ operation, ms: took, at }) => [operation, ms(took), moment(at, receivedAt)]),
    });
  }
  return one;
}

function cache(cards, { cache: page }) {
  const one = card(cards, "part-cache", "Cache");
  const backend = page?.backend;
  one.facts([
    ["Hits", share(page?.hitRate)],
    ["Backend", backend ? backend.backend : "does not answer"],
    [
      "Memory",
      backend ? `${bytes(backend.usedBytes)}${backend.maxBytes ? ` of ${bytes(backend.maxBytes)}` : ""}` : UNKNOWN,
    ],
    ["Bus", page ? (page.busLost ? "lost" : "well") : UNKNOWN],
  ]);
  one.table({
    label: "Reads of the cache by kind",
    columns: ["Kind", "Hits", "Misses", "Hit rate", "Mean"],
    rows: Object.entries(page?.kinds ?? {}).map(([kind, { hits, misses, meanMs }]) => [
      kind,
      count(hits),
      count(misses),
      share(hits + misses ? hits / (hits + misses) : null),
      ms(meanMs),
    ]),
  });
  return one;
}

/** The numbers of a route's responses by class of status: `{2: …, 4: …}`. */
export function byClass(answers) {
  const sums = {};
  for (const [name, many] of Object.entries(answers)) {
    const kind = name.split(" ").at(-1)[0];
    sums[kind] = (sums[kind] ?? 0) + many;
  }
  return sums;
}

/** The number of responses with status 5xx since the start. */
export function failuresOf({ http: routes }) {
  return Object.values(routes).reduce((total, { answers }) => total + (byClass(answers)[5] ?? 0), 0);
}

function http(cards, { performance, scope }) {
  const one = card(cards, "part-http", "HTTP");
  const lately = scope === "process" ? performance.lately : null;
  const routes = Object.entries(performance.http).map(([route, { count: many, p95Ms, answers }]) => ({
    route,
    many,
    p95Ms,
    ...byClass(answers),
  }));
  const sum = (kind) => routes.reduce((total, route) => total + (route[kind] ?? 0), 0);
  one.facts([
    ["Requests", lately ? `${number(lately.httpRequests)}/s` : count(sum("many"))],
    ["Refused (4xx)", count(sum(4))],
    ["Failed (5xx)", `${count(failuresOf(performance))}${lately ? `, ${number(lately.httpErrors)}/s` : ""}`],
  ]);
  routes.sort((a, b) => (b[5] ?? 0) - (a[5] ?? 0) || b.many - a.many);
  one.table({
    label: "Routes: failures first, then the busiest",
    columns: ["Route", "Count", "p95", "4xx", "5xx"],
    rows: routes
      .slice(0, ROUTES_MAX)
      .map((route) => [route.route, count(route.many), ms(route.p95Ms), count(route[4] ?? 0), count(route[5] ?? 0)]),
  });
  return one;
}
