/** Whether what is shown is live, and who is logged in: the header and the banner. */

import { clock } from "../ui/format.js";
import { byId, setText } from "../ui/dom.js";

const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  away: "No answer",
  paused: "Paused",
  forbidden: "Not allowed",
};

export class StateView {
  constructor({ feed, source }) {
    this.feed = feed;
    this.source = source;
    feed.addEventListener("state", ({ error }) => this.#render(error));
    feed.addEventListener("data", () => this.#tellTime());
    byId("logout").addEventListener("click", async () => {
      await source.logout();
      feed.retry();
    });
  }

  #render(error) {
    const { state } = this.feed;
    document.documentElement.dataset.state = state;
    this.#tellTime();
    byId("choices").hidden = state === "forbidden" || !this.feed.data;
    byId("board").hidden = state === "forbidden" || !this.feed.data;
    byId("access").hidden = state !== "forbidden";
    byId("banner").hidden = state !== "away";
    setText(byId("banner-text"), state === "away" ? this.#awayText(error) : "");
    const { user } = this.source;
    byId("session").hidden = user === null;
    setText(byId("session-name"), user?.username ?? "");
  }

  #tellTime() {
    const { state, data } = this.feed;
    setText(byId("live-text"), state === "live" && data ? `Live · ${clock(data.receivedAt)}` : WORDS[state]);
  }

  #awayText(error) {
    const { data } = this.feed;
    const what =
      error?.code === "rate_limited"
        ? "Too many requests for this account."
        : error?.code === "network"
          ? "The server does not answer."
          : `The server has no numbers: ${error?.message}`;
    return `${what} ${data ? `This is how it was at ${clock(data.receivedAt)}. ` : ""}Trying again…`;
  }
}
