/** A search field and what it finds, as a dialog shows them: one list, among which the arrow keys move. */

import { h, patch } from "../../ui/view.js";
import { Lookup } from "../lookup.js";

export class SearchList {
  #root;
  #options;
  #lookup;
  #found = [];
  #cursor = null; // of what follows
  #error = null;
  #told = ""; // what came of something that was done here

  /**
   * `label`: of the field. `ask(query, cursor)` resolves to `{items, nextCursor}`. `row(item)`: a vnode of a list item,
   * with a key. `empty`: said where nothing is found. `below(list)`: a vnode after the list, or null.
   */
  constructor({ root, label, maxlength, ask, row, empty, below = (_list) => null }) {
    this.#root = root;
    this.#options = { label, maxlength, row, empty, below };
    this.#lookup = new Lookup({
      ask,
      onFound: ({ items, nextCursor = null }, { isMore }) => {
        this.#found = isMore ? [...this.#found, ...items] : items;
        this.#cursor = nextCursor;
        this.#error = null;
        this.draw();
      },
      onFailed: (error, { isMore }) => {
        if (!isMore) this.#found = [];
        this.#error = error;
        this.draw();
      },
    });
    void this.#lookup.now("");
    this.draw();
  }

  close() {
    this.#lookup.close();
  }

  /** Whether the dialog is. */
  get isOpen() {
    return this.#root.isConnected;
  }

  /** Tell what came of something that was done here: until the query changes, whatever is found meanwhile. */
  say(text) {
    this.#told = text;
    this.draw();
  }

  /** What the rows or what is below them show has changed. */
  draw() {
    const { label, maxlength, row, below } = this.#options;
    const input = {
      type: "text",
      role: "searchbox",
      "aria-label": label,
      placeholder: label,
      autofocus: true,
      autocomplete: "off",
      enterkeyhint: "search",
      dir: "auto",
      maxlength,
      on: {
        input: ({ target }) => {
          this.#told = "";
          this.#lookup.change(target.value.trim());
          this.draw();
        },
      },
    };
    patch(this.#root, [
      h("input", input),
      h("p", { class: "hint search-line", role: "status" }, this.#told || this.#state()),
      h("ul", { class: "results" }, this.#found.map(row)),
      this.#cursor && this.#button("Show more", () => this.#lookup.more(this.#cursor)),
      below(this),
    ]);
  }

  #state() {
    if (this.#lookup.isAsking) return "Searching…";
    if (this.#error) return [`${this.#error.message} `, this.#button("Retry", () => this.#lookup.retry())];
    return this.#found.length === 0 && this.#cursor === null && this.#options.empty;
  }

  #button(text, ask) {
    const click = () => {
      void ask();
      this.draw();
    };
    return h("button", { key: text, type: "button", class: "link", on: { click } }, text);
  }
}
