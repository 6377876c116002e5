/** The state of the poller and the user of the session, in the header and the banner. */

import { clock } from "../ui/format.js";
import { byId, setText } from "../ui/dom.js";

const STATE_TEXTS = {
  connecting: "Connecting…",
  live: "Live",
  away: "No answer",
  paused: "Paused",
  forbidden: "Not allowed",
};

export class StateView {
  constructor({ poller, metricsApi }) {
    this.poller = poller;
    this.metricsApi = metricsApi;
    poller.addEventListener("state", ({ error }) => this.#render(error));
    poller.addEventListener("data", () => this.#renderTime());
    byId("logout").addEventListener("click", async () => {
      await metricsApi.logout();
      poller.pollNow();
    });
  }

  #render(error) {
    const { state } = this.poller;
    document.documentElement.dataset.state = state;
    this.#renderTime();
    byId("choices").hidden = state === "forbidden" || !this.poller.data;
    byId("board").hidden = state === "forbidden" || !this.poller.data;
    byId("access").hidden = state !== "forbidden";
    byId("banner").hidden = state !== "away";
    setText(byId("banner-text"), state === "away" ? this.#awayText(error) : "");
    const { user } = this.metricsApi;
    byId("session").hidden = user === null;
    setText(byId("session-name"), user?.username ?? "");
  }

  #renderTime() {
    const { state, data } = this.poller;
    setText(byId("live-text"), state === "live" && data ? `Live · ${clock(data.receivedAt)}` : STATE_TEXTS[state]);
  }

  #awayText(error) {
    const { data } = this.poller;
    const what =
      error?.code === "rate_limited"
        ? "Too many requests for this account."
        : error?.code === "network"
          ? "The server does not answer."
          : `The server has no numbers: ${error?.message}`;
    return `${what} ${data ? `This is how it was at ${clock(data.receivedAt)}. ` : ""}Trying again…`;
  }
}
