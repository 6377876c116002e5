/** The whole page: the verdict first, then what is chosen, the tiles, the charts, and the details in their sections. */

import { h, patch } from "../ui/view.js";
import { AccessView } from "./access-view.js";
import { hashOf } from "./address.js";
import { ChartsView } from "./charts-view.js";
import { detailCards } from "./detail-cards.js";
import { Content } from "./frame.js";
import { controls, pageTitle, sectionLinks, top, verdictLine, verdictOfPoller } from "./head-view.js";
import { about, activeAlerts, chartsHint, forecastSection, pastAlerts, processTable } from "./sections.js";
import { tiles } from "./tiles.js";

export class Board {
  #root;
  #store;
  #poller;
  #metricsApi;
  #go;
  #content = new Content();
  #charts = null;
  #access = null;
  #end;

  /** `go(fields)` changes what is chosen, in the address. */
  constructor({ root, store, poller, metricsApi, go }) {
    this.#root = root;
    this.#store = store;
    this.#poller = poller;
    this.#metricsApi = metricsApi;
    this.#go = go;
    root.replaceChildren(); // what the page shows before its script
    this.#end = store.select(
      ({ choice }) => [choice, store.version("snapshot")],
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
    this.#closeCharts();
    patch(this.#root, null);
  }

  #draw() {
    const { choice } = this.#store.state;
    const { snapshot, state } = this.#poller;
    const isForbidden = state === "forbidden";
    const isShown = snapshot !== null && !isForbidden;
    const verdict = verdictOfPoller(this.#poller);
    document.documentElement.dataset.state = state;
    document.title = pageTitle(verdict);
    if (!isForbidden) this.#access = null;
    if (!isShown) this.#closeCharts();
    patch(this.#root, [
      verdict && verdictLine(verdict, this.#poller),
      top(this.#metricsApi.user, () => this.#logout(), isShown && controls(choice, this.#poller, this.#go)),
      isShown && sectionLinks(choice, snapshot),
      isForbidden &&
        h("main", { class: "access", key: "access", foreign: true, ref: (root) => this.#openAccess(root) }),
      isShown && this.#main(choice, snapshot),
    ]);
    this.#access?.update();
  }

  async #logout() {
    this.#poller.forget();
    await this.#metricsApi.logout();
    this.#poller.pollNow();
  }

  #main(choice, snapshot) {
    const { endedProcess, isLoading } = this.#poller;
    const { frame, plots } = this.#content.of(this.#poller, choice);
    const href = (metric) => hashOf({ ...choice, section: `chart-${metric.name}` });
    return h(
      "main",
      { class: "board", key: "board" },
      endedProcess && h("p", { class: "note-line" }, `Process ${endedProcess} has ended. This is another one.`),
      section("now", `Now, and over ${frame.words}`, about(snapshot), [
        activeAlerts(snapshot),
        h("div", { "aria-busy": String(isLoading), class: "tiles-box" }, tiles(plots, frame, href)),
        forecastSection(snapshot),
      ]),
      section("charts", `Charts of ${frame.words}`, chartsHint(snapshot), [
        h("div", { class: "charts-view", foreign: true, ref: (root) => this.#openCharts(root) }),
      ]),
      snapshot.processes.length > 1 && section("processes", "Processes", null, [processTable(snapshot, choice)]),
      section("details", "Details", null, [h("div", { class: "parts" }, detailCards(snapshot))]),
      section("alerts", "Past alerts", `Of process ${snapshot.answeredBy}, since its start.`, [
        h("div", { class: "card" }, pastAlerts(snapshot)),
      ]),
    );
  }

  #openCharts(root) {
    this.#charts = new ChartsView({
      root,
      store: this.#store,
      poller: this.#poller,
      content: this.#content,
      zoom: (zoom) => this.#go({ zoom }),
    });
  }

  #closeCharts() {
    this.#charts?.close();
    this.#charts = null;
  }

  #openAccess(root) {
    // The form takes the focus, so it has to be in the document.
    queueMicrotask(() => {
      this.#access = new AccessView({
        root,
        metricsApi: this.#metricsApi,
        onAccess: () => this.#poller.pollNow(),
      });
    });
  }
}

function section(id, title, hint, children) {
  return h(
    "section",
    { key: id, id, class: "section", "aria-labelledby": `${id}-title` },
    h(
      "div",
      { class: "section-title" },
      h("h2", { id: `${id}-title`, tabindex: "-1" }, title),
      hint && h("p", { class: "hint" }, hint),
    ),
    children,
  );
}
