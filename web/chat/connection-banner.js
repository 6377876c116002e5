/** Says when there is no connection, and what is done about it; also sets `data-link` of the document. */

import { h, patch } from "../ui/view.js";

const KEPT = "What you write is kept and sent when the connection is back.";
const LOST = `The connection was lost. Reconnecting… ${KEPT}`;
const UNREACHABLE = `Cannot reach the server. Trying again… ${KEPT}`;
const WAITING = {
  offline: `You are offline. ${KEPT}`,
  restarting: `The server is restarting and will be back in a moment. ${KEPT}`,
  too_many: "You have the chat open in too many places. Close one of them; this one tries again by itself.",
  refused: "This page asked too much of the server and waits a minute.",
  too_large: "Something was too large to be sent. Reconnecting…",
};

export class ConnectionBanner {
  #root;
  #page;
  #hasTried = false; // whether a connection was lost or refused since one was there
  #wasOnline = false; // whether there was any
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      (state, store) => [store.version("connection")],
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
    delete document.documentElement.dataset.link; // of a session that has ended
  }

  #draw() {
    const { connection } = this.#page.chat;
    if (!connection) return;
    const { state, reason } = connection;
    document.documentElement.dataset.link = state;
    if (state === "waiting") this.#hasTried = true;
    if (connection.isOnline) [this.#wasOnline, this.#hasTried] = [true, false];
    const text = this.#text(state, reason);
    const canTry = state === "replaced" || (state === "waiting" && reason !== "refused");
    const retry = () => (state === "replaced" ? connection.start() : connection.wake());
    patch(this.#root, [
      h("p", { role: "status" }, text),
      canTry && text && h("button", { type: "button", class: "link", on: { click: retry } }, "Try now"),
    ]);
    this.#root.toggleAttribute("data-shown", Boolean(text));
  }

  #text(state, reason) {
    if (state === "online" || state === "idle" || state === "ended") return "";
    if (navigator.onLine === false) return WAITING.offline;
    if (state === "replaced") return "This page was disconnected, because another one took its place.";
    if (state === "waiting") return WAITING[reason] ?? (this.#wasOnline ? LOST : UNREACHABLE);
    return this.#hasTried && this.#wasOnline ? `Reconnecting… ${KEPT}` : "Connecting…";
  }
}
