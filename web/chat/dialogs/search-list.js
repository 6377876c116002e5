/** A search field and what it finds, as a dialog shows them: one list, among which the arrow keys move. */

import { h, patch } from "../../ui/view.js";
import { Lookup } from "./lookup.js";

export class SearchList {
  #root;
  #options;
  #lookup;
  #query = "";
  #found = null; // null until the first answer
  #text = "";

  /**
   * `label`: of the field. `ask(query)` resolves to an array. `row(item)`: a vnode of a list item, with a key.
   * `describe(found, query)`: a line about what was found. `more()`: a vnode after the list, or null.
   */
  constructor({ root, label, maxlength, ask, row, describe = (_found, _query) => "", more = () => null }) {
    this.#root = root;
    this.#options = { label, maxlength, row, more };
    this.#lookup = new Lookup({
      ask,
      onFound: (found, { query }) => {
        this.#found = found;
        this.#text = describe(found, query);
        this.draw();
      },
      onFailed: (error) => {
        this.#text = error.message;
        this.draw();
      },
    });
    this.draw();
    void this.#lookup.now("");
  }

  close() {
    this.#lookup.close();
  }

  get query() {
    return this.#query;
  }

  /** What was found may have changed in place. `text`: a new line about it. */
  draw(text = this.#text) {
    this.#text = text;
    const { label, maxlength, row, more } = this.#options;
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
          this.#query = target.value.trim();
          this.#lookup.change(this.#query);
        },
      },
    };
    patch(this.#root, [
      h("input", input),
      h("p", { class: "hint", role: "status" }, this.#found === null && !this.#text ? "Searching…" : this.#text),
      h("ul", { class: "results" }, (this.#found ?? []).map(row)),
      more(),
    ]);
  }
}
