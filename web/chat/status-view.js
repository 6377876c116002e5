/** The banner about the connection, the line with the user's own name, and the dialog for the user's own status. */

import { avatar, byId, closable, el, setText } from "../ui/dom.js";
import { STATUS_NAMES } from "./person-dialogs.js";

const KEPT = "What you write is kept and sent when the connection is back.";
const WAITING = {
  lost: `The connection was lost. Reconnecting… ${KEPT}`,
  restarting: `The server is restarting and will be back in a moment. ${KEPT}`,
  too_many: "You have the chat open in too many places. Close one of them; this one tries again by itself.",
  refused: "This page asked too much of the server and waits a minute.",
  too_large: "Something was too large to be sent. Reconnecting…",
};

export class StatusView {
  #tried = false; // whether a connection was lost or refused since the page was opened

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    closable(byId("me-dialog"));
    chat.addEventListener("state", () => this.render());
    chat.addEventListener("user", () => this.#renderMe());
    byId("reconnect").addEventListener("click", () =>
      chat.connection.state === "replaced" ? chat.connection.start() : chat.connection.wake(),
    );
    byId("me").addEventListener("click", () => this.#open());
    byId("me-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save(event.target.elements);
    });
  }

  render() {
    const { connection } = this.chat;
    if (!connection) return;
    if (connection.state === "waiting") this.#tried = true;
    if (connection.isOnline) this.#tried = false;
    document.documentElement.dataset.link = connection.state;
    const text = this.#text(connection);
    byId("banner").hidden = !text;
    setText(byId("banner-text"), text);
    byId("reconnect").hidden = !(
      connection.state === "replaced" ||
      (connection.state === "waiting" && connection.reason !== "refused")
    );
    this.#renderMe();
  }

  #text({ state, reason }) {
    if (state === "online" || state === "idle" || state === "ended") return "";
    if (navigator.onLine === false) return `You are offline. ${KEPT}`;
    if (state === "replaced") return "This page was disconnected, because another one took its place.";
    if (state === "waiting") return WAITING[reason] ?? WAITING.lost;
    return this.#tried ? `Reconnecting… ${KEPT}` : "Connecting…";
  }

  #renderMe() {
    const { user } = this.chat;
    if (!user) return;
    const status = this.chat.connection?.isOnline ? user.status : "offline";
    const renderKey = JSON.stringify([user, status]);
    if (byId("me").dataset.renderKey === renderKey) return;
    byId("me").dataset.renderKey = renderKey;
    byId("me").replaceChildren(
      avatar({ id: user.id, name: user.displayName }),
      el(
        "span",
        { class: "two-lines" },
        el("b", {}, user.displayName),
        el(
          "small",
          {},
          el("span", { class: "sr-only" }, "Status: "),
          [STATUS_NAMES[status], user.customStatus].filter(Boolean).join(" · "),
        ),
      ),
    );
  }

  #open() {
    const { user } = this.chat;
    const { status, custom } = byId("me-form").elements;
    status.value = user.status;
    custom.value = user.customStatus ?? "";
    setText(byId("me-error"), "");
    byId("me-dialog").showModal();
  }

  async #save({ status, custom }) {
    try {
      await this.chat.setStatus(status.value, custom.value.trim() || null);
      byId("me-dialog").close();
    } catch (error) {
      setText(byId("me-error"), error.message);
    }
  }
}
