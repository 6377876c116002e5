/** The list of the user's rooms with their unread counts. */

import { avatar, byId, el, icon } from "../ui/dom.js";
import { plural } from "../ui/text.js";

export class RoomsView {
  #isRenderScheduled = false;

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    for (const name of ["list", "outbox"]) chat.addEventListener(name, () => this.#scheduleRender());
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
    this.#renderList(
      "rooms",
      sorted.filter(({ room }) => room.kind !== "direct"),
    );
    this.#renderList(
      "directs",
      sorted.filter(({ room }) => room.kind === "direct"),
    );
    const elsewhere = chat.rooms.all.some((state) => state.unread > 0 && state.room.id !== this.page.roomId);
    byId("menu-badge").hidden = !elsewhere;
  }

  /** Render at most once per animation frame. */
  #scheduleRender() {
    if (this.#isRenderScheduled) return;
    this.#isRenderScheduled = true;
    requestAnimationFrame(() => {
      this.#isRenderScheduled = false;
      this.render();
    });
  }

  /** Existing items are reused, so that the focus stays on them. */
  #renderList(name, states) {
    const list = byId(`${name}-list`);
    const old = new Map([...list.children].map((item) => [item.firstChild.dataset.roomId, item]));
    const items = states.map((state) => {
      const item =
        old.get(state.room.id) ??
        el("li", {}, el("button", { type: "button", class: "room-button", "data-room-id": state.room.id }));
      this.#renderItem(item.firstChild, state);
      return item;
    });
    if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
      const focused = document.activeElement;
      list.replaceChildren(...items);
      if (focused !== document.activeElement && list.contains(focused)) focused.focus();
    }
    byId(`${name}-empty`).hidden = items.length > 0 || !this.chat.rooms.isListed;
  }

  #renderItem(button, { room, unread, mentions }) {
    const name = this.chat.nameOf(room);
    const failed = this.chat.outbox.entries(room.id).some((entry) => entry.state === "failed");
    const isCurrent = room.id === this.page.roomId;
    const renderKey = JSON.stringify([name, unread, mentions, failed, isCurrent, room.isPrivate]);
    if (button.dataset.renderKey === renderKey) return;
    button.dataset.renderKey = renderKey;
    button.toggleAttribute("data-unread", unread > 0);
    if (unread > 0) button.dataset.unread = unread;
    button.setAttribute("aria-current", String(isCurrent));
    const parts = [name, room.isPrivate && room.kind !== "direct" && "private", unread > 0 && `${unread} unread`];
    const more = [mentions > 0 && plural(mentions, "mention"), failed && "a message was not sent"];
    button.setAttribute("aria-label", [...parts, ...more].filter(Boolean).join(", "));
    const direct = room.kind === "direct";
    button.replaceChildren(
      direct
        ? avatar({ id: room.peer?.id ?? room.id, name })
        : icon(room.isPrivate ? "lock" : "hash"),
      el("span", { class: "label" }, name),
    );
    if (failed) button.append(el("span", { class: "unsent-mark", title: "A message was not sent" }, "!"));
    if (mentions > 0) button.append(el("span", { class: "badge mention", "data-mentions": mentions }, `@${mentions}`));
    if (unread > 0) button.append(el("span", { class: "badge" }, unread > 999 ? "999+" : String(unread)));
  }
}
