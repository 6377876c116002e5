/** Goes to a room or a person by some letters of the name: Ctrl+K. */

import { h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { isComposing } from "../../ui/keys.js";
import { Lookup } from "../lookup.js";
import { openDialog } from "../../ui/dialog.js";
import { rank } from "./switcher-rank.js";

const SHOWN_MAX = 12;

export function openSwitcherDialog({ page }) {
  const mount = ({ body, close }) => {
    const switcher = new Switcher({ root: body, page, close });
    return () => switcher.close();
  };
  return openDialog({ title: "Jump to", className: "switcher-dialog", mount });
}

class Switcher {
  #root;
  #page;
  #close;
  #query = "";
  #people = []; // found by the server
  #chosen = 0;
  #lookup;

  constructor({ root, page, close }) {
    this.#root = root;
    this.#page = page;
    this.#close = close;
    this.#lookup = new Lookup({
      ask: (query) => (query ? page.chat.findUsers(query) : []),
      onFound: (people) => {
        this.#people = people.filter(({ id }) => id !== page.chat.user.id);
        this.#draw();
      },
      onFailed: () => {}, // what is known by heart is shown all the same
    });
    this.#draw();
  }

  close() {
    this.#lookup.close();
  }

  get #entries() {
    const { chat } = this.#page;
    const rooms = chat.rooms.all.map((state) => ({
      key: `room ${state.room.id}`,
      name: chat.nameOf(state.room),
      symbol: state.room.kind === "direct" ? "user" : state.room.isPrivate ? "lock" : "hash",
      unread: state.unread,
      peerId: state.room.peer?.id,
      run: () => this.#page.go({ roomId: state.room.id }),
    }));
    const known = new Set(rooms.map(({ peerId }) => peerId));
    const people = this.#people
      .filter(({ id }) => !known.has(id))
      .map((user) => ({
        key: `user ${user.id}`,
        name: user.displayName,
        note: `@${user.username}`,
        symbol: "user",
        unread: 0,
        run: () => this.#talkTo(user.id),
      }));
    return rank([...rooms, ...people], this.#query).slice(0, SHOWN_MAX);
  }

  #draw() {
    const entries = this.#entries;
    this.#chosen = Math.max(0, Math.min(this.#chosen, entries.length - 1));
    const id = (index) => `switcher-option-${index}`; // aria-activedescendant names an id
    const input = {
      type: "text",
      role: "combobox",
      "aria-label": "Room or person",
      "aria-expanded": "true",
      "aria-controls": "switcher-options",
      "aria-autocomplete": "list",
      "aria-activedescendant": entries.length > 0 ? id(this.#chosen) : null,
      placeholder: "Room or person",
      autocomplete: "off",
      autofocus: true,
      dir: "auto",
      maxlength: 80,
      on: { input: ({ target }) => this.#search(target.value), keydown: (event) => this.#onKeyDown(event, entries) },
    };
    const option = (entry, index) =>
      h(
        "li",
        {
          key: entry.key,
          id: id(index),
          role: "option",
          class: "option",
          "aria-selected": String(index === this.#chosen),
          on: { click: () => this.#go(entry) },
        },
        icon(entry.symbol),
        h("span", { class: "label", dir: "auto" }, entry.name),
        entry.note && h("small", {}, entry.note),
        entry.unread > 0 && h("span", { class: "badge" }, entry.unread),
      );
    patch(this.#root, [
      h("input", input),
      h(
        "ul",
        { id: "switcher-options", role: "listbox", "aria-label": "Rooms and people", class: "options" },
        entries.map(option),
      ),
      entries.length === 0 && h("p", { class: "hint", role: "status" }, "Nothing has such a name."),
    ]);
  }

  #search(text) {
    this.#query = text.trim();
    this.#chosen = 0;
    this.#lookup.change(this.#query);
    this.#draw();
  }

  #onKeyDown(event, entries) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.#chosen = (this.#chosen + step + entries.length) % Math.max(1, entries.length);
      this.#draw();
    } else if (event.key === "Enter" && !isComposing(event)) {
      event.preventDefault();
      if (entries[this.#chosen]) this.#go(entries[this.#chosen]);
    }
  }

  #go(entry) {
    this.#close();
    entry.run();
  }

  async #talkTo(userId) {
    try {
      this.#page.go({ roomId: (await this.#page.chat.direct(userId)).id });
    } catch (error) {
      this.#page.failed(error);
    }
  }
}
