/** Finds rooms that the user may see, to join or open them. */

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
  #page;
  #close;
  #list;
  #rooms = [];
  #cursor = null;

  constructor({ root, page, close }) {
    this.#page = page;
    this.#close = close;
    this.#list = new SearchList({
      root,
      label: "Search by name",
      maxlength: 80,
      ask: (query) => this.#ask(query),
      row: (room) => this.#row(room),
      describe: (rooms) => (rooms.length === 0 ? "No room has such a name. You can make one: New room." : ""),
      more: () =>
        this.#cursor && h("button", { type: "button", class: "link", on: { click: () => this.#more() } }, "Show more"),
    });
  }

  close() {
    this.#list.close();
  }

  async #ask(query) {
    const { rooms, nextCursor } = await this.#page.chat.findRooms({ q: query });
    this.#cursor = nextCursor;
    this.#rooms = rooms.filter((room) => room.kind !== "direct");
    return this.#rooms;
  }

  async #more() {
    try {
      const { rooms, nextCursor } = await this.#page.chat.findRooms({ q: this.#list.query, cursor: this.#cursor });
      this.#cursor = nextCursor;
      this.#rooms.push(...rooms.filter((room) => room.kind !== "direct"));
      this.#list.draw();
    } catch (error) {
      this.#list.draw(error.message);
    }
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
      this.#close();
      this.#page.go({ roomId: room.id });
    } catch (error) {
      this.#list.draw(error.message);
      currentTarget.disabled = false;
    }
  }
}
