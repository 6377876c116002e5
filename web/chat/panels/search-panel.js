/**
 * Searches what the user may read: words and chips that narrow it, and what is found, each leading to its place. What is
 * searched stands in the address, so that it is there again after a reload, and on the way back.
 */

import { classes, h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { Lookup } from "../lookup.js";
import { MessageList } from "./message-list.js";
import { refusalText } from "../refusal.js";
import { plural } from "../../ui/text.js";

/** Chips that need no value. */
const FLAGS = [
  ["has:file", "With files"],
  ["mentions:me", "Mentions me"],
];

export class SearchPanel {
  #root;
  #page;
  #query;
  #within = null; // only in the room with this id
  #written; // {id, within} as they stand in the address
  #found = []; // messages
  #cursor = null;
  /** @type {any} */
  #state = "idle"; // idle, searching, done, or a ChatError
  #suggestions = { words: [], people: [], rooms: [] };
  #list = null;
  #lookup;
  #suggest;
  #ends;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#read(page.route);
    this.#lookup = new Lookup({
      ask: (_query, cursor) => this.#search(cursor),
      onFound: (found, { isMore }) => this.#take(found, isMore ? this.#found : []),
      onFailed: (error, { isMore }) => {
        if (!isMore) this.#found = [];
        this.#state = error;
        this.#draw();
      },
    });
    this.#suggest = new Lookup({
      ask: (prefix) => (prefix ? page.chat.api.messages.suggest(prefix) : { words: [], people: [], rooms: [] }),
      onFound: (found) => {
        this.#suggestions = found;
        this.#draw();
      },
      onFailed: () => {}, // one searches without
    });
    this.#ends = [
      page.store.select(
        ({ route }, store) => [route.roomId, store.version("people"), store.version("list")],
        () => this.#draw(),
      ),
      page.store.select(
        ({ route: { panel, id, within } }) => [panel, id, within],
        (panel) => panel === "search" && this.#follow(page.route),
      ),
    ];
    if (this.#query) this.#begin();
    /** @type {HTMLElement} */ (root.querySelector("input")).focus();
  }

  close() {
    for (const end of this.#ends) end();
    this.#lookup.close();
    this.#suggest.close();
    this.#list?.close();
    patch(this.#root, []);
  }

  // ---- the address --------------------------------------------------------------------------------------------------

  /** Take over what the address says. A search that begins there is of the shown room. */
  #read({ id, within, roomId }) {
    this.#query = id ?? "";
    this.#within = id ? within : roomId;
    this.#written = { id, within };
  }

  /** The address says something else than this panel has written: Back, or a command to search. */
  #follow(route) {
    if (route.id === this.#written.id && route.within === this.#written.within) return;
    this.#read(route);
    if (this.#query) return this.#begin();
    this.#forget();
    this.#draw();
  }

  #write() {
    const id = this.#query.trim() || null;
    const within = id && this.#within;
    if (id === this.#written.id && within === this.#written.within) return;
    this.#written = { id, within };
    if (this.#page.route.panel === "search") this.#page.go({ id, within }, { replace: true });
  }

  // ---- searching ----------------------------------------------------------------------------------------------------

  #change(query) {
    this.#query = query;
    if (!query.trim()) {
      this.#forget();
      this.#write();
    } else {
      this.#state = "searching";
      this.#lookup.change(query);
    }
    const last = /(?:^|\s)([\p{L}\p{N}_-]{2,})$/u.exec(query)?.[1] ?? "";
    this.#suggest.change(last);
    this.#draw();
  }

  #forget() {
    this.#lookup.cancel();
    this.#found = [];
    this.#state = "idle";
  }

  #begin() {
    this.#state = "searching";
    void this.#lookup.now(this.#query);
    this.#draw();
  }

  #retry() {
    this.#state = "searching";
    void this.#lookup.retry();
    this.#draw();
  }

  #search(cursor) {
    this.#write();
    return this.#page.chat.api.messages.search(this.#query.trim(), { roomId: this.#within, cursor, limit: 30 });
  }

  #take({ messages, nextCursor }, before) {
    this.#found = [...before, ...messages];
    this.#cursor = nextCursor;
    this.#state = "done";
    this.#draw();
  }

  #more() {
    if (this.#cursor && this.#state === "done") void this.#lookup.more(this.#cursor);
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  #draw() {
    patch(this.#root, [
      h("div", { key: "head", class: "search-head" }, this.#field(), this.#chips(), this.#offers()),
      h("p", { key: "status", class: "hint search-status", role: "status" }, this.#status()),
      h("div", {
        ...{ key: "found", class: "search-found", foreign: true },
        ref: (root) => (this.#list = new MessageList({ root, page: this.#page, onEnd: () => this.#more() })),
      }),
    ]);
    this.#list.show(this.#found);
  }

  #field() {
    return h("input", {
      ...{ type: "text", role: "searchbox", "aria-label": "Search messages", placeholder: "Search messages" },
      ...{ enterkeyhint: "search", autocomplete: "off", dir: "auto", maxlength: 500, props: { value: this.#query } },
      on: {
        input: ({ target }) => this.#change(target.value),
        keydown: (event) => {
          if (event.key === "Enter" && this.#query.trim()) this.#begin();
        },
      },
    });
  }

  #chips() {
    const { roomId, chat } = this.#page;
    const room = chat.rooms?.get(this.#within ?? roomId)?.room;
    const where = room ? `In ${chat.nameOf(room)}` : "In one room";
    const chip = (label, isPressed, toggle) =>
      h(
        "button",
        { type: "button", class: "chip", "aria-pressed": String(isPressed), on: { click: toggle } },
        isPressed && icon("check", { size: "small" }),
        h("span", { dir: "auto" }, label),
      );
    const here = () => {
      this.#within = this.#within ? null : roomId;
      if (this.#query.trim()) this.#begin();
      else this.#draw();
    };
    return h(
      "div",
      { class: "chips", role: "group", "aria-label": "Narrow the search" },
      (room || this.#within) && chip(where, this.#within !== null, here),
      FLAGS.map(([word, label]) => chip(label, this.#hasWord(word), () => this.#toggleWord(word))),
      ...this.#filters().map((word) => chip(word, true, () => this.#toggleWord(word))),
    );
  }

  /** The words of the query that narrow it and have no chip of their own, such as from:ann. */
  #filters() {
    return this.#query.split(/\s+/).filter((word) => /^(?:from|in|before|after):\S+$/.test(word));
  }

  #hasWord(word) {
    return this.#query.split(/\s+/).includes(word);
  }

  #toggleWord(word) {
    const words = this.#query.split(/\s+/).filter(Boolean);
    this.#change((this.#hasWord(word) ? words.filter((one) => one !== word) : [...words, word]).join(" "));
    if (this.#query.trim()) this.#begin();
  }

  #offers() {
    const { words, people, rooms } = this.#suggestions;
    const replaceLast = (text) => this.#query.replace(/\S*$/, text);
    const offer = (key, label, query) => {
      const choose = () => {
        this.#suggestions = { words: [], people: [], rooms: [] };
        this.#change(query);
        this.#begin();
      };
      return h(
        "li",
        { key },
        h("button", { type: "button", class: "link", on: { click: choose } }, h("bdi", {}, label)),
      );
    };
    const all = [
      ...words.map((word) => offer(`word ${word}`, word, replaceLast(word))),
      ...people.map(({ id, username }) => offer(`person ${id}`, `from:${username}`, replaceLast(`from:${username}`))),
      ...rooms.map(({ id, name }) => offer(`room ${id}`, `in: ${name}`, replaceLast(`in:"${name}"`))),
    ];
    return all.length > 0 && h("ul", { class: classes("search-offers"), "aria-label": "Suggestions" }, all);
  }

  #status() {
    const state = this.#state;
    if (state === "idle")
      return "Words, “phrases”, from:name, in:room, before:2026-01-31, after:, has:file, mentions:me.";
    if (state === "searching") return "Searching…";
    if (state !== "done") {
      if (state.details?.q) return wrongQuery(String(state.details.q));
      const retry = { type: "button", class: "link", on: { click: () => this.#retry() } };
      return [`${state.message} `, h("button", retry, "Retry")];
    }
    if (this.#found.length === 0) return "Nothing was found.";
    return `${plural(this.#found.length, "message")}${this.#cursor ? " and more" : ""}`;
  }
}

/** The server says "before: takes …" of a filter, and "takes …" of the whole. */
function wrongQuery(detail) {
  return /^\w+: /.test(detail) ? `${detail}.` : refusalText("A search", detail);
}
