/** The list of one's rooms, with what is unread in each. */

import { avatar, byId, el, icon } from "../ui/dom.js";
import { plural } from "../ui/text.js";

export class RoomsView {
  #planned = false;

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    for (const name of ["list", "outbox"]) chat.addEventListener(name, () => this.#plan());
    for (const list of [byId("rooms-list"), byId("directs-list")]) {
      list.addEventListener("click", ({ target }) => {
        const button = target.closest("[data-room-id]");
        if (button) page.openRoom(button.dataset.roomId);
      });
    }
  }

  render() {
    const { chat } = this;
    if (!chat.rooms) return;
    const byName = (one, other) =>
      chat.nameOf(one.room).localeCompare(chat.nameOf(other.room)) || one.room.id.localeCompare(other.room.id);
    const sorted = chat.rooms.all.sort(byName);
    this.#fill(
      "rooms",
      sorted.filter(({ room }) => room.kind !== "direct"),
    );
    this.#fill(
      "directs",
      sorted.filter(({ room }) => room.kind === "direct"),
    );
    const elsewhere = chat.rooms.all.some((state) => state.unread > 0 && state.room.id !== this.page.roomId);
    byId("menu-badge").hidden = !elsewhere;
  }

  /** Once a frame is enough, however much comes. */
  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      this.render();
    });
  }

  /** Lines are kept where they are the same, so that the focus stays where it is. */
  #fill(name, states) {
    const list = byId(`${name}-list`);
    const old = new Map([...list.children].map((item) => [item.firstChild.dataset.roomId, item]));
    const items = states.map((state) => {
      const item =
        old.get(state.room.id) ??
        el("li", {}, el("button", { type: "button", class: "room-button", "data-room-id": state.room.id }));
      this.#fillLine(item.firstChild, state);
      return item;
    });
    if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
      const focused = document.activeElement;
      list.replaceChildren(...items);
      if (focused !== document.activeElement && list.contains(focused)) focused.focus();
    }
    byId(`${name}-empty`).hidden = items.length > 0 || !this.chat.rooms.isListed;
  }

  #fillLine(button, { room, unread, mentions }) {
    const name = this.chat.nameOf(room);
    const failed = this.chat.outbox.entries(room.id).some((entry) => entry.state === "failed");
    const isCurrent = room.id === this.page.roomId;
    const look = JSON.stringify([name, unread, mentions, failed, isCurrent, room.isPrivate]);
    if (button.dataset.look === look) return;
    button.dataset.look = look;
    button.toggleAttribute("data-unread", unread > 0);
    if (unread > 0) button.dataset.unread = unread;
    button.setAttribute("aria-current", String(isCurrent));
    const parts = [name, room.isPrivate && room.kind !== "direct" && "private", unread > 0 && `${unread} unread`];
    const more = [mentions > 0 && plural(mentions, "mention"), failed && "a message was not sent"];
    button.setAttribute("aria-label", [...parts, ...more].filter(Boolean).join(", "));
    const direct = room.kind === "direct";
    button.replaceChildren(
      direct
        ? avatar({ id: this.chat.peers.of(room.id)?.userId ?? room.id, name })
        : icon(room.isPrivate ? "lock" : "hash"),
      el("span", { class: "label" }, name),
    );
    if (failed) button.append(el("span", { class: "unsent-mark", title: "A message was not sent" }, "!"));
    if (mentions > 0) button.append(el("span", { class: "badge mention", "data-mentions": mentions }, `@${mentions}`));
    if (unread > 0) button.append(el("span", { class: "badge" }, unread > 999 ? "999+" : String(unread)));
  }
}
