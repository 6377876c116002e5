/** Finds rooms that the user may see, to join or open them. */

import { enterRoom } from "./enter-room.js";
import { h } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { openDialog } from "../../ui/dialog.js";
import { plural } from "../../ui/text.js";
import { SearchList } from "./search-list.js";

export function openFindRoomsDialog({ page }) {
  return openDialog({
    title: "Find rooms",
    mount: ({ body, close }) => {
      const finder = new RoomFinder({ root: body, page, close });
      return () => finder.close();
    },
  });
}

class RoomFinder {
  #root;
  #page;
  #close;
  #list;

  constructor({ root, page, close }) {
    this.#root = root;
    this.#page = page;
    this.#close = close;
    this.#list = new SearchList({
      root,
      label: "Search by name",
      maxlength: 80,
      ask: (query, cursor) => this.#ask(query, cursor),
      row: (room) => this.#row(room),
      empty: "No room has such a name. You can make one: New room.",
    });
  }

  close() {
    this.#list.close();
  }

  async #ask(query, cursor) {
    const { rooms, nextCursor } = await this.#page.chat.findRooms({ q: query, cursor });
    return { items: rooms.filter((room) => room.kind !== "direct"), nextCursor };
  }

  #row(room) {
    const isMember = Boolean(this.#page.chat.rooms?.get(room.id));
    const verb = isMember ? "Open" : "Join";
    const about = [plural(room.memberCount, "member"), room.archivedAt && "archived", room.description].filter(Boolean);
    return h(
      "li",
      { key: room.id, class: "result" },
      icon(room.isPrivate ? "lock" : "hash"),
      h(
        "span",
        { class: "two-lines" },
        h("b", { dir: "auto" }, room.name),
        h("small", { dir: "auto" }, about.join(" · ")),
      ),
      h(
        "button",
        { type: "button", "aria-label": `${verb} ${room.name}`, on: { click: (event) => this.#enter(room, event) } },
        verb,
      ),
    );
  }

  async #enter(room, { currentTarget }) {
    currentTarget.disabled = true;
    try {
      if (!this.#page.chat.rooms?.get(room.id)) await this.#page.chat.join(room.id);
      const told = `You are now in ${room.name}.`;
      enterRoom({ page: this.#page, root: this.#root, roomId: room.id, told, close: this.#close });
    } catch (error) {
      if (!this.#root.isConnected) return this.#page.failed(error);
      this.#list.say(error.message);
      currentTarget.disabled = false;
    }
  }
}
