/** A list that is loaded page by page, with what is said while it loads, fails, or is empty. */

import { h, patch } from "../ui/view.js";

export class PagedSection {
  #root;
  #load;
  #row;
  #empty;
  #head;
  #foot;
  #items = null;
  #cursor = null;
  #told = "";
  #isClosed = false;

  /**
   * `load(cursor)` resolves to `{items, nextCursor}`. `row(item)`: a vnode with a key. `empty`: said of none. `head()`
   * and `foot(items)`: vnodes above and below the list.
   */
  constructor({ root, load, row, empty, head = () => null, foot = (_items) => null }) {
    this.#root = root;
    this.#load = load;
    this.#row = row;
    this.#empty = empty;
    this.#head = head;
    this.#foot = foot;
    void this.reload();
  }

  close() {
    this.#isClosed = true;
    patch(this.#root, []);
  }

  /** Load from the beginning. */
  async reload() {
    this.#cursor = null;
    await this.#more([]);
  }

  /** Do what changes the list, and load it again; an error is shown. */
  async change(work) {
    try {
      await work();
    } catch (error) {
      return this.#draw(error.message);
    }
    await this.reload();
  }

  /** Say something about an item, until the list changes. */
  tell(text) {
    this.#told = text;
    this.#draw();
  }

  async #more(before) {
    this.#told = "";
    this.#draw();
    try {
      const { items, nextCursor = null } = await this.#load(this.#cursor);
      this.#items = [...before, ...items];
      this.#cursor = nextCursor;
      this.#draw();
    } catch (error) {
      this.#draw(error.message);
    }
  }

  #draw(error = "") {
    if (this.#isClosed) return;
    const more = { type: "button", class: "link", on: { click: () => this.#more(this.#items) } };
    patch(this.#root, [
      this.#head(),
      h("p", { role: "status", class: "hint" }, this.#items === null && !error ? "Loading…" : this.#told),
      this.#items?.length === 0 && h("p", { class: "hint" }, this.#empty),
      h("p", { class: "form-error", role: "alert" }, error),
      error && h("button", { type: "button", on: { click: () => this.reload() } }, "Retry"),
      h("ul", { class: "sessions" }, (this.#items ?? []).map(this.#row)),
      this.#cursor && h("button", more, "Show more"),
      this.#foot(this.#items ?? []),
    ]);
  }
}
