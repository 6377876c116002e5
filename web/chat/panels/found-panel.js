/** A panel with the messages that one search finds, page by page. */

import { h, patch } from "../../ui/view.js";
import { MessageList } from "./message-list.js";

export class FoundPanel {
  #root;
  #page;
  #load;
  #empty;
  #found = [];
  #cursor = null;
  /** @type {any} */
  #state = "loading"; // loading, done, or a ChatError
  #list = null;
  #ends;
  #isClosed = false;

  /** `load(cursor)` resolves to `{messages, nextCursor}`; `empty`: said of none; `versions`: of the store. */
  constructor({ root, page, load, versions, empty }) {
    this.#root = root;
    this.#page = page;
    this.#load = load;
    this.#empty = empty;
    this.#ends = page.store.select(
      (state, store) => ["people", ...versions].map((name) => store.version(name)),
      () => this.#draw(),
    );
    void this.#more();
  }

  close() {
    this.#isClosed = true;
    this.#ends();
    this.#list?.close();
    patch(this.#root, []);
  }

  async #more() {
    const cursor = this.#cursor;
    this.#cursor = null;
    this.#state = "loading";
    this.#draw();
    try {
      const { messages, nextCursor } = await this.#load(cursor);
      if (this.#isClosed) return;
      this.#found.push(...messages);
      this.#cursor = nextCursor;
      this.#state = "done";
    } catch (error) {
      if (this.#isClosed) return;
      this.#cursor = cursor;
      this.#state = error;
    }
    this.#draw();
  }

  #draw() {
    const onEnd = () => this.#state === "done" && this.#cursor && this.#more();
    patch(this.#root, [
      h("div", {
        ...{ key: "found", class: "search-found", foreign: true },
        ref: (root) => (this.#list = new MessageList({ root, page: this.#page, onEnd })),
      }),
    ]);
    this.#list.show(this.#found, { footer: this.#note() });
  }

  #note() {
    const state = this.#state;
    if (state === "loading") return h("p", { class: "timeline-note", role: "status" }, "Loading…");
    if (state === "done") return this.#found.length === 0 && h("p", { class: "timeline-note" }, this.#empty);
    const retry = { type: "button", class: "link", on: { click: () => this.#more() } };
    return h("p", { class: "timeline-note", role: "alert" }, `${state.message} `, h("button", retry, "Retry"));
  }
}
