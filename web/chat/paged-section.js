/** A list that is loaded page by page, with what is said while it loads, fails, or is empty. */

import { h, patch } from "../ui/view.js";
import { Lookup } from "./lookup.js";

export class PagedSection {
  #page;
  #root;
  #row;
  #empty;
  #head;
  #foot;
  #lookup;
  #items = null; // null: not loaded
  #cursor = null;
  #failure = null; // of the last loading
  #refusal = null; // of the last change
  #told = "";
  #isClosed = false;
  #end;

  /**
   * `load(cursor)` resolves to `{items, nextCursor}`. `row(item)`: a vnode with a key. `empty`: said of none. `head()`
   * and `foot(items)`: vnodes above and below the list. Rows are drawn again when more is known of people.
   */
  constructor({ root, page, load, row, empty, head = () => null, foot = (_items) => null }) {
    this.#page = page;
    this.#root = root;
    this.#row = row;
    this.#empty = empty;
    this.#head = head;
    this.#foot = foot;
    this.#lookup = new Lookup({
      ask: (_query, cursor) => load(cursor),
      onFound: ({ items, nextCursor = null }, { isMore }) => {
        this.#items = isMore ? [...this.#items, ...items] : items;
        this.#cursor = nextCursor;
        this.#failure = null;
        this.draw();
      },
      onFailed: (error) => {
        this.#failure = error;
        this.draw();
      },
    });
    void this.reload();
    this.#end = page.store.select(
      (_state, versions) => [versions.version("people")],
      () => this.draw(),
    );
  }

  close() {
    this.#isClosed = true;
    this.#end();
    this.#lookup.close();
    patch(this.#root, []);
  }

  /** Load from the beginning. */
  reload() {
    return this.#ask(() => this.#lookup.now(""));
  }

  /** Do what changes the list, and load it again; an error is shown, also where the list is gone meanwhile. */
  async change(work) {
    this.#refusal = null;
    try {
      await work();
    } catch (error) {
      if (this.#isClosed) return this.#page.failed(error);
      this.#refusal = error;
      return this.draw();
    }
    await this.reload();
  }

  /** Say something about an item, until the list is loaded again. */
  tell(text) {
    this.#told = text;
    this.draw();
  }

  #ask(ask) {
    this.#told = "";
    const asked = ask();
    this.draw();
    return asked;
  }

  /** Draw again: what the rows show has changed elsewhere. */
  draw() {
    if (this.#isClosed) return;
    const { isAsking } = this.#lookup;
    const failure = isAsking ? null : this.#failure;
    const error = this.#refusal ?? failure;
    const button = (key, attributes, text, ask) =>
      h("button", { key, type: "button", ...attributes, on: { click: () => this.#ask(ask) } }, text);
    const more = () => this.#lookup.more(this.#cursor);
    patch(this.#root, [
      this.#head(),
      h("p", { role: "status", class: "hint" }, this.#items === null && isAsking ? "Loading…" : this.#told),
      this.#items?.length === 0 && h("p", { class: "hint" }, this.#empty),
      h("p", { class: "form-error", role: "alert" }, error?.message),
      failure && button("retry", {}, "Retry", () => this.#lookup.retry()),
      h("ul", { class: "sessions" }, (this.#items ?? []).map(this.#row)),
      this.#cursor && !failure && button("more", { class: "link" }, isAsking ? "Loading…" : "Show more", more),
      this.#foot(this.#items ?? []),
    ]);
  }
}
