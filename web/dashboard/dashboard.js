/** The dashboard: creates the poller and the views, and handles the choice of scope and range. */

import { Chart } from "../ui/chart.js";
import { AccessView } from "./access-view.js";
import { CHARTS, ChartsView } from "./charts.js";
import { MetricsPoller, RANGES } from "./metrics-poller.js";
import { MetricsApi } from "./metrics-api.js";
import { StateView } from "./state-view.js";
import { Overview } from "./overview.js";
import { byId } from "../ui/dom.js";
import { serverBaseUrl } from "../client/api.js";
import { browserStorage } from "../client/storage.js";

const EVERY_S = { usual: 5, least: 1, most: 60 };
const address = new URLSearchParams(location.search);

/** `?every=2`: seconds between two polls. */
function intervalMs() {
  const wanted = Number(address.get("every")) || EVERY_S.usual;
  return 1000 * Math.min(EVERY_S.most, Math.max(EVERY_S.least, wanted));
}

const metricsApi = new MetricsApi({
  baseUrl: serverBaseUrl(),
  fetch: (...args) => fetch(...args),
  storage: browserStorage(),
  locks: navigator.locks ?? null,
});
const poller = new MetricsPoller({
  api: metricsApi,
  metrics: CHARTS.map(({ metric }) => metric),
  intervalMs: intervalMs(),
});
const charts = new ChartsView({ poller, Chart });
const view = new Overview({ poller });
new StateView({ poller, metricsApi });
new AccessView({ poller, metricsApi });

poller.addEventListener("data", () => {
  view.render();
  charts.render();
});

// ---- choices, kept in the URL for reloads and bookmarks ----

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
  poller.choose(chosen());
  charts.render();
});
byId("retry").addEventListener("click", () => poller.pollNow());
document.addEventListener("visibilitychange", () =>
  document.visibilityState === "visible" ? poller.resume() : poller.pause(),
);
window.addEventListener("online", () => poller.pollNow());

mark(chosen());
if (document.visibilityState !== "visible") poller.pause();
poller.choose(chosen());
