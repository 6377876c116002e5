/** The dashboard's composition: what asks, what shows, and the choices between them. */

import { Chart } from "../ui/chart.js";
import { Access } from "./access.js";
import { CHARTS, ChartsView } from "./charts.js";
import { Feed, RANGES } from "./feed.js";
import { Source } from "./source.js";
import { StateView } from "./state-view.js";
import { View } from "./view.js";
import { byId } from "../ui/dom.js";
import { ownBase } from "../client/api.js";
import { memoryStorage } from "../client/tokens.js";

const EVERY_S = { usual: 5, least: 1, most: 60 };
const address = new URLSearchParams(location.search);

/** `?every=2`: seconds between two looks. */
function everyMs() {
  const wanted = Number(address.get("every")) || EVERY_S.usual;
  return 1000 * Math.min(EVERY_S.most, Math.max(EVERY_S.least, wanted));
}

function browserStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return memoryStorage(); // of a browser that keeps nothing
  }
}

const source = new Source({
  baseUrl: ownBase(),
  fetch: (...args) => fetch(...args),
  storage: browserStorage(),
  locks: navigator.locks ?? null,
});
const feed = new Feed({ source, metrics: CHARTS.map(({ metric }) => metric), everyMs: everyMs() });
const charts = new ChartsView({ feed, Chart });
const view = new View({ feed });
new StateView({ feed, source });
new Access({ feed, source });

feed.addEventListener("data", () => {
  view.render();
  charts.render();
});

// ---- choices, kept in the address: a reload and a bookmark show the same ----

function chosen() {
  const [scope, range] = [address.get("scope"), address.get("range")];
  return { scope: scope === "cluster" ? "cluster" : "process", range: range in RANGES ? range : "hour" };
}

function mark({ scope, range }) {
  for (const input of document.querySelectorAll(".segments input"))
    input.checked = input.value === scope || input.value === range;
}

byId("choices").addEventListener("change", ({ target }) => {
  address.set(target.name, target.value);
  history.replaceState(null, "", `?${address}`);
  feed.choose(chosen());
  charts.render();
});
byId("retry").addEventListener("click", () => feed.retry());
document.addEventListener("visibilitychange", () =>
  document.visibilityState === "visible" ? feed.resume() : feed.pause(),
);
window.addEventListener("online", () => feed.retry());

mark(chosen());
if (document.visibilityState !== "visible") feed.pause();
feed.choose(chosen());
