/** The dashboard: creates the poller and the views, and handles the choice of scope and range. */

import { Chart } from "../ui/chart.js";
import { AccessView } from "./access-view.js";
import { CHARTS, ChartsView } from "./charts.js";
import { ForecastView } from "./forecast.js";
import { MetricsPoller, RANGES } from "./metrics-poller.js";
import { MetricsApi } from "./metrics-api.js";
import { StateView } from "./state-view.js";
import { Overview } from "./overview.js";
import { byId } from "../ui/dom.js";
import { serverBaseUrl } from "../client/api-request.js";
import { browserStorage } from "../client/storage.js";

const INTERVAL_S = { default: 5, min: 1, max: 60 };
const address = new URLSearchParams(location.search);

/** `?every=2`: seconds between two polls. */
function pollIntervalMs() {
  const wanted = Number(address.get("every")) || INTERVAL_S.default;
  return 1000 * Math.min(INTERVAL_S.max, Math.max(INTERVAL_S.min, wanted));
}

const metricsApi = new MetricsApi({
  baseUrl: serverBaseUrl(),
  fetch: (url, options) => fetch(url, options),
  storage: browserStorage(),
  locks: navigator.locks ?? null,
});
const poller = new MetricsPoller({
  api: metricsApi,
  metrics: CHARTS.map(({ metric }) => metric),
  intervalMs: pollIntervalMs(),
});
const charts = new ChartsView({ poller, Chart });
const overview = new Overview({ poller });
const forecast = new ForecastView({ poller });
new StateView({ poller, metricsApi });
new AccessView({ poller, metricsApi });

poller.addEventListener("data", () => {
  overview.render();
  forecast.render();
  charts.render();
});

// ---- choices, kept in the URL for reloads and bookmarks ----

function choiceInUrl() {
  const [scope, range] = [address.get("scope"), address.get("range")];
  return { scope: scope === "cluster" ? "cluster" : "process", range: range in RANGES ? range : "hour" };
}

function checkInputs({ scope, range }) {
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".segments input")))
    input.checked = input.value === scope || input.value === range;
}

byId("choices").addEventListener("change", ({ target }) => {
  address.set(target.name, target.value);
  history.replaceState(null, "", `?${address}`);
  poller.choose(choiceInUrl());
  charts.render();
});
byId("retry").addEventListener("click", () => poller.pollNow());
document.addEventListener("visibilitychange", () =>
  document.visibilityState === "visible" ? poller.resume() : poller.pause(),
);
window.addEventListener("online", () => poller.pollNow());

checkInputs(choiceInUrl());
if (document.visibilityState !== "visible") poller.pause();
poller.choose(choiceInUrl());
