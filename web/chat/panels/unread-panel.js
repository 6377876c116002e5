/** The rooms with something unread, each leading to its first unread message. */

import { h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { plural } from "../../ui/text.js";

export class UnreadPanel {
  #root;
  #page;
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      (state, store) => [store.version("list"), store.version("settings")],
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
    patch(this.#root, []);
  }

  #draw() {
    const { chat, settings } = this.#page;
    const states = (chat.rooms?.all ?? []).filter((state) => settings.isUnread(state));
    const byWeight = (one, other) =>
      other.mentions - one.mentions || chat.nameOf(one.room).localeCompare(chat.nameOf(other.room));
    patch(this.#root, [
      states.length === 0 && h("p", { class: "timeline-note", role: "status" }, "You have read everything."),
      states.length > 1 && h("p", { class: "unread-all" }, this.#readAll(states)),
      h(
        "ul",
        { class: "unread-list" },
        states.sort(byWeight).map((state) => this.#row(state)),
      ),
    ]);
  }

  #readAll(states) {
    const click = () => this.#page.markRead(states);
    return h("button", { type: "button", class: "link", on: { click } }, "Mark all as read");
  }

  #row(state) {
    const { room, unread, mentions, lastMessage } = state;
    const page = this.#page;
    const name = page.chat.nameOf(room);
    const about = [unread > 0 ? `${unread} new` : "marked as unread", mentions > 0 && plural(mentions, "mention")];
    const go = () => page.showMessage({ roomId: room.id });
    const read = () => page.markRead([state]);
    return h(
      "li",
      { key: room.id, class: "unread-row" },
      h(
        "button",
        { type: "button", class: "found-message", "data-unread-room": room.id, on: { click: go } },
        icon(room.kind === "direct" ? "user" : room.isPrivate ? "lock" : "hash"),
        h(
          "span",
          { class: "two-lines" },
          h("b", { dir: "auto" }, name),
          h("small", {}, about.filter(Boolean).join(" · ")),
          lastMessage?.content && h("span", { class: "found-text", dir: "auto" }, lastMessage.content),
        ),
      ),
      h(
        "button",
        { type: "button", class: "link", "aria-label": `Mark ${name} as read`, on: { click: read } },
        "Mark read",
      ),
    );
  }
}
