/** The dashboard: makes the poller and the page, and keeps what is chosen in the address. */

import { serverBaseUrl } from "../client/api-request.js";
import { browserStorage } from "../client/storage.js";
import { Store } from "../ui/store.js";
import { choiceOf, hashOf } from "./address.js";
import { Board } from "./board.js";
import { MetricsApi } from "./metrics-api.js";
import { SnapshotPoller } from "./snapshot-poller.js";

const INTERVAL_S = { default: 5, min: 1, max: 60 };

/** `?every=2`: seconds between two polls. */
function pollIntervalMs() {
  const wanted = Number(new URLSearchParams(location.search).get("every")) || INTERVAL_S.default;
  return 1000 * Math.min(INTERVAL_S.max, Math.max(INTERVAL_S.min, wanted));
}

const metricsApi = new MetricsApi({
  baseUrl: serverBaseUrl(),
  fetch: (url, options) => fetch(url, options),
  storage: browserStorage(),
  locks: navigator.locks ?? null,
});
const poller = new SnapshotPoller({ api: metricsApi, intervalMs: pollIntervalMs() });
const store = new Store({ choice: choiceOf(location.hash), cursor: null, drag: null, width: 0 });

/** Change what is chosen. The address says it, so that a reload, a bookmark and a link show the same. */
function go(fields) {
  const choice = { ...store.state.choice, section: null, ...fields };
  history.replaceState(null, "", hashOf(choice));
  choose(choice);
}

function choose(choice) {
  const before = store.state.choice;
  store.set({ choice });
  poller.zoomFrom = choice.zoom?.from ?? null;
  if (["scope", "process", "span"].some((name) => choice[name] !== before[name])) poller.choose(choice);
}

/** Show the section that the address names, once it is there. */
function showSection() {
  const { section } = store.state.choice;
  const target = section && document.getElementById(section);
  if (!target) return false;
  target.scrollIntoView({ block: "start" });
  /** @type {HTMLElement | null} */ (target.querySelector("h2, h3"))?.focus({ preventScroll: true });
  return true;
}

new Board({ root: document.getElementById("page"), store, poller, metricsApi, go });

let hasShownSection = false;
poller.addEventListener("change", () => {
  store.bump("snapshot");
  if (poller.endedProcess && store.state.choice.process === poller.endedProcess) go({ process: null });
  if (!hasShownSection && poller.snapshot && !poller.isLoading) {
    store.flush();
    hasShownSection = true;
    showSection();
  }
});
window.addEventListener("hashchange", () => {
  choose(choiceOf(location.hash));
  store.flush();
  showSection();
});
document.addEventListener("click", ({ target }) => {
  // The address that a link leads to may be the one that is shown, of a section that was scrolled away.
  const link = target instanceof Element ? target.closest("a") : null;
  if (link?.hash && link.hash === location.hash) showSection();
});
document.addEventListener("visibilitychange", () => poller.setHidden(document.visibilityState !== "visible"));
window.addEventListener("online", () => poller.pollNow());
// A login on the chat page in another tab counts here too. Of a user who was refused nothing is asked again: otherwise
// two tabs that renew one token would trigger each other endlessly.
let refusedUser = null;
window.addEventListener("storage", () => {
  const user = metricsApi.user?.id ?? null;
  if (poller.state === "forbidden" && user !== null && user !== refusedUser) {
    refusedUser = user;
    poller.pollNow();
  }
});

poller.setHidden(document.visibilityState !== "visible");
poller.zoomFrom = store.state.choice.zoom?.from ?? null;
poller.choose(store.state.choice);
