/** Whether the browser may notify, and of what in which room. */

import { h, patch } from "../../ui/view.js";

const LEVELS = { all: "Every message", mentions: "Mentions", none: "Nothing" };
const STATES = {
  granted: "This browser shows notifications.",
  denied: "This browser was told to show none: its own settings for this site can change that.",
  default: "This browser has not been asked yet.",
  missing: "This browser knows no notifications.",
};

export class NotificationsSection {
  #root;
  #page;
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      (state, store) => [store.version("settings"), store.version("list")],
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
  }

  #draw() {
    const { chat } = this.#page;
    const permission = globalThis.Notification?.permission ?? "missing";
    const ask = async () => {
      await Notification.requestPermission();
      this.#draw();
    };
    const byName = (one, other) => chat.nameOf(one.room).localeCompare(chat.nameOf(other.room));
    patch(this.#root, [
      h("p", {}, STATES[permission]),
      permission === "default" &&
        h("button", { type: "button", class: "primary", on: { click: ask } }, "Allow notifications"),
      h(
        "ul",
        { class: "levels" },
        (chat.rooms?.all ?? []).sort(byName).map(({ room }) => this.#row(room)),
      ),
    ]);
  }

  #row(room) {
    const { chat, settings } = this.#page;
    const name = chat.nameOf(room);
    const level = settings.levelOf(room);
    const change = ({ target }) =>
      this.#page.setLevel(room.id, target.value).catch((error) => this.#page.failed(error));
    const options = Object.entries(LEVELS).map(([value, label]) => h("option", { value }, label));
    return h(
      "li",
      { key: room.id },
      h("span", { dir: "auto" }, name),
      h("select", { "aria-label": `Notifications of ${name}`, props: { value: level }, on: { change } }, options),
    );
  }
}
