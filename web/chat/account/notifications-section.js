/** Whether the browser may notify, and of what in which room. */

import { h, patch } from "../../ui/view.js";
import { momentLabel } from "../../ui/dates.js";

const LEVELS = { all: "Every message", mentions: "Mentions", none: "Nothing" };
const TIMER_MAX_MS = 3_600_000; // more than 24 days would end at once
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
  #timer = null; // until the next mute ends

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      (state, store) => [store.version("settings"), store.version("list")],
      () => this.#draw(),
    );
  }

  close() {
    clearTimeout(this.#timer);
    this.#end();
  }

  #draw() {
    const { chat } = this.#page;
    const permission = globalThis.Notification?.permission ?? "missing";
    const ask = async () => {
      await Notification.requestPermission();
      this.#draw();
    };
    const rooms = chat.rooms?.all ?? [];
    const byName = (one, other) => chat.nameOf(one.room).localeCompare(chat.nameOf(other.room));
    patch(this.#root, [
      h("p", {}, STATES[permission]),
      permission === "default" &&
        h("button", { type: "button", class: "primary", on: { click: ask } }, "Allow notifications"),
      h(
        "ul",
        { class: "levels" },
        rooms.sort(byName).map(({ room }) => this.#row(room)),
      ),
    ]);
    this.#awaitEnd(rooms);
  }

  /** A room that was muted for a while is not when that has passed. */
  #awaitEnd(rooms) {
    clearTimeout(this.#timer);
    const now = Date.now();
    const ends = rooms.map(({ room }) => this.#page.settings.mutedUntil(room.id)).filter((until) => until > now);
    if (ends.length === 0) return;
    this.#timer = setTimeout(() => this.#draw(), Math.min(Math.min(...ends) - now, TIMER_MAX_MS) + 100);
  }

  #row(room) {
    const { chat, settings } = this.#page;
    const name = chat.nameOf(room);
    const until = settings.mutedUntil(room.id);
    if (until > Date.now()) return this.#muted(room, name, new Date(until));
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

  #muted(room, name, until) {
    const end = () => this.#page.settings.unmute(room.id).catch((error) => this.#page.failed(error));
    return h(
      "li",
      { key: room.id },
      h(
        "span",
        { class: "two-lines" },
        h("b", { dir: "auto" }, name),
        h("small", {}, `Muted until ${momentLabel(until, new Date())}`),
      ),
      h("button", { type: "button", "aria-label": `Unmute ${name}`, on: { click: end } }, "Unmute"),
    );
  }
}
