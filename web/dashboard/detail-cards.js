/** The cards with details: latency, rooms, limits, database, cache, HTTP. Texts of clients become text nodes. */

import { bytes, count, moment, ms, number, share, UNKNOWN } from "../ui/format.js";
import { h } from "../ui/view.js";
import { table } from "./table.js";

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
const ROOM_WORDS = {
  private: "A private room",
  direct: "Two people",
  deleted: "A deleted room",
  unknown: "A room",
};

/** All cards of a snapshot. */
export function detailCards(snapshot) {
  return [latency, rooms, limits, database, cache, http].map((card) => card(snapshot));
}

function card(id, title, facts, ...children) {
  return h(
    "section",
    { key: id, class: "card part", id: `part-${id}`, "aria-labelledby": `part-${id}-title` },
    h("h3", { id: `part-${id}-title` }, title),
    facts.length > 0 &&
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
      ),
    children,
  );
}

function hint(text) {
  return text && h("p", { class: "hint" }, text);
}

function latency({ performance, websocket }) {
  const { lately, loopLagMs, loopBlocks } = performance;
  const ways = [
    ["Send to ack", "sendToAck", websocket.sendToAckMs],
    ["Send to delivery", "sendToDelivery", websocket.sendToDeliveryMs],
  ];
  const rows = ways.flatMap(([name, key, all]) => [
    ...(lately ? [[`${name}, now`, ...[50, 95, 99].map((p) => ms(lately[`${key}P${p}Ms`]))]] : []),
    [`${name}, in all`, ms(all.p50), ms(all.p95), ms(all.p99)],
  ]);
  rows.push(["Event loop lag, in all", ms(loopLagMs.p50), ms(loopLagMs.p95), ms(loopLagMs.p99)]);
  return card(
    "latency",
    "Latency",
    [
      ["Slow readers", `${count(websocket.slowReaders.now)} now, ${count(websocket.slowReaders.closed)} closed`],
      ["Outboxes", bytes(websocket.outbox.bytes)],
      ["Loop blocked", `${count(loopBlocks)} × over 250 ms`],
    ],
    table({ label: "Latency percentiles", columns: ["Latency", "p50", "p95", "p99"], rows }),
    hint(`${lately ? "Now: in the last sample. " : ""}In all: since the start.`),
  );
}

function rooms({ rooms: top, websocket, scope }) {
  const { open } = websocket.rooms;
  return card(
    "rooms",
    "Busiest rooms",
    [],
    table({
      label: "The ten rooms with the most connections",
      columns: ["Room", "Connections"],
      rows: top.map(({ roomId, name, kind, connections }) => ({
        key: roomId,
        attributes: { "data-room-id": roomId },
        cells: [roomName({ roomId, name, kind }), count(connections)],
      })),
      empty: "No room is open.",
    }),
    hint(open === null ? "" : `${count(open)} open${scope === "cluster" ? ", in all processes" : ""}.`),
  );
}

/** Only public rooms are told by name; the others by what they are, and enough of the id to find them. */
function roomName({ roomId, name, kind }) {
  if (name !== null) return h("bdi", { title: roomId }, name);
  return [h("span", { title: roomId }, ROOM_WORDS[kind] ?? ROOM_WORDS.unknown), " ", h("code", null, roomId.slice(-6))];
}

function limits({ performance }) {
  const { level, messageShare, shed } = performance.shedding;
  const sheds = Object.entries(shed).map(([kind, many]) => `${kind} ${count(many)}`);
  return card(
    "limits",
    "Limits and shedding",
    [
      ["Shedding", level === null ? "of each process" : `level ${level}: ${SHED_LEVELS[level] ?? ""}`],
      ["Messages let in", share(messageShare)],
      ["Shed", sheds.join(", ") || "nothing yet"],
    ],
    table({
      label: "Requests by limit",
      columns: ["Limit", "Allowed", "Refused", "Exempt"],
      rows: Object.entries(performance.limits).map(([name, by]) => [
        name,
        count(by.allowed ?? 0),
        count(by.refused ?? 0),
        count(by.exempt ?? 0),
      ]),
      empty: "Nothing was counted yet.",
    }),
  );
}

function database({ database: page, at }) {
  const { pool, queue, commits, slow } = page;
  const operations = Object.entries(page.operations).sort(([, a], [, b]) => b.count - a.count);
  return card(
    "database",
    "Database",
    [
      ["Waiting to be stored", count(queue)],
      [
        "Pool",
        pool
          ? `${count(pool.inUse)} of ${count(pool.limit)} in use, ${count(pool.waiting)} waiting`
          : "does not answer",
      ],
      ["Commits", `${count(commits.count)}, p95 ${ms(commits.p95Ms)}`],
      ["Slow", count(slow.count)],
    ],
    table({
      label: "Operations of the store",
      columns: ["Operation", "Count", "p95", "Errors", "Slow"],
      rows: operations
        .slice(0, OPERATIONS_MAX)
        .map(([name, by]) => [name, count(by.count), ms(by.p95Ms), count(by.errors), count(by.slow)]),
    }),
    slow.newest.length > 0 &&
      table({
        label: "Slow operations",
        columns: ["Slow operation", "Took", "At"],
        rows: slow.newest
          .slice(0, SLOW_MAX)
          .map(({ operation, ms: took, at: when }) => [operation, ms(took), moment(when, Date.parse(at))]),
      }),
  );
}

function cache({ cache: page }) {
  const { backend, hitRate, busLost, kinds } = page;
  const room = backend?.maxBytes ? ` of ${bytes(backend.maxBytes)}` : "";
  return card(
    "cache",
    "Cache",
    [
      ["Hits", share(hitRate)],
      ["Backend", backend ? backend.backend : "does not answer"],
      ["Memory", backend ? `${bytes(backend.usedBytes)}${room}` : UNKNOWN],
      ["Bus", busLost ? "lost" : "well"],
    ],
    table({
      label: "Reads of the cache by kind",
      columns: ["Kind", "Hits", "Misses", "Hit rate", "Mean"],
      rows: Object.entries(kinds).map(([kind, { hits, misses, meanMs }]) => [
        kind,
        count(hits),
        count(misses),
        share(hits + misses ? hits / (hits + misses) : null),
        ms(meanMs),
      ]),
    }),
    hint("Hits in all: without what is kept for seconds only, whose misses say nothing."),
  );
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
function failuresOf({ http: routes }) {
  return Object.values(routes).reduce((total, { answers }) => total + (byClass(answers)[5] ?? 0), 0);
}

function http({ performance }) {
  const { lately } = performance;
  const routes = Object.entries(performance.http).map(([route, { count: many, p95Ms, answers }]) => ({
    route,
    many,
    p95Ms,
    ...byClass(answers),
  }));
  const sum = (kind) => routes.reduce((total, route) => total + (route[kind] ?? 0), 0);
  routes.sort((a, b) => (b[5] ?? 0) - (a[5] ?? 0) || b.many - a.many);
  return card(
    "http",
    "HTTP",
    [
      ["Requests", lately ? `${number(lately.httpRequests)}/s` : count(sum("many"))],
      ["Refused (4xx)", count(sum(4))],
      ["Failed (5xx)", `${count(failuresOf(performance))}${lately ? `, ${number(lately.httpErrors)}/s` : ""}`],
    ],
    table({
      label: "Routes: failures first, then the busiest",
      columns: ["Route", "Count", "p95", "4xx", "5xx"],
      rows: routes
        .slice(0, ROUTES_MAX)
        .map((route) => [route.route, count(route.many), ms(route.p95Ms), count(route[4] ?? 0), count(route[5] ?? 0)]),
    }),
  );
}
