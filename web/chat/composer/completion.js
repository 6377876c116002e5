/**
 * A list of suggestions over a text field: what the word before the caret may become. The focus stays in the field, and
 * readers hear of the list by aria-activedescendant (WAI-ARIA, listbox).
 */

import { classes, h, patch } from "../../ui/view.js";
import { insertText } from "./text-field.js";

let lists = 0; // for ids, which ARIA asks for

/**
 * A source: `match(before)`: what of the text before the caret it completes, `{from, query}` or null. `find(query,
 * show)`: calls `show(items)` at once or later, also several times; may return a function that ends it. An item:
 * `{key, text, isExact, content}`: what is put into the field, whether it is already there in full, and its vnodes.
 */
export class Completion {
  #field;
  #root;
  #id = `completion-${++lists}`;
  #sources;
  #current = null; // {source, from, query}
  #items = [];
  #active = 0;
  #hasMoved = false; // whether the arrows were used
  #dismissed = ""; // the word that Escape was pressed at
  #end = null;
  #closing = new AbortController();

  /** `root`: where the list is drawn. `sources`: in order; the first that matches is asked. */
  constructor({ field, root, sources }) {
    this.#field = field;
    this.#root = root;
    this.#sources = sources;
    const { signal } = this.#closing;
    field.setAttribute("aria-autocomplete", "list");
    field.addEventListener("input", (event) => !event.isComposing && this.#update(), { signal });
    field.addEventListener("compositionend", () => this.#update(), { signal });
    field.addEventListener("click", () => this.#update(), { signal });
    field.addEventListener("blur", () => this.#hide(), { signal });
    field.addEventListener("keyup", ({ key }) => key.startsWith("Arrow") && !this.isOpen && this.#update(), { signal });
  }

  close() {
    this.#closing.abort();
    this.#hide();
  }

  get isOpen() {
    return this.#items.length > 0;
  }

  /** Look at the text again. */
  update() {
    this.#update();
  }

  /** Take a key for the list; true: it is done with. */
  onKeyDown(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { key, shiftKey } = event;
    if (key === "ArrowDown" || key === "ArrowUp") return this.#move(key === "ArrowDown" ? 1 : -1);
    if (key === "Escape") return this.#dismiss();
    if ((key !== "Enter" && key !== "Tab") || shiftKey) return false;
    const item = this.#items[this.#active];
    if (key === "Enter" && item.isExact && !this.#hasMoved) return false; // it is written in full: Enter sends
    return this.#choose(item);
  }

  #update() {
    const { selectionStart, selectionEnd, value } = this.#field;
    const before = selectionStart === selectionEnd ? value.slice(0, selectionStart) : null;
    const found = before === null ? null : this.#match(before);
    const word = found && `${found.from} ${before.slice(found.from, found.from + 1)}`;
    if (!found || word === this.#dismissed) {
      if (!found) this.#dismissed = "";
      return this.#hide();
    }
    const { source, from, query } = found;
    if (this.#current?.source === source && this.#current.from === from && this.#current.query === query) return;
    this.#end?.();
    this.#current = found;
    const show = (items) => this.#current === found && this.#show(items);
    this.#end = source.find(query, show) ?? null;
  }

  #match(before) {
    for (const source of this.#sources) {
      const match = source.match(before);
      if (match) return { source, ...match };
    }
    return null;
  }

  #show(items) {
    const key = this.#hasMoved ? this.#items[this.#active]?.key : null;
    this.#items = items;
    this.#active = Math.max(
      0,
      items.findIndex((item) => item.key === key),
    );
    if (this.#active === 0) this.#hasMoved = false;
    this.#draw();
  }

  #hide() {
    this.#end?.();
    this.#end = null;
    this.#current = null;
    this.#items = [];
    this.#active = 0;
    this.#hasMoved = false;
    this.#draw();
  }

  #dismiss() {
    const { from } = this.#current;
    this.#dismissed = `${from} ${this.#field.value.slice(from, from + 1)}`;
    this.#hide();
    return true;
  }

  #move(step) {
    this.#active = (this.#active + step + this.#items.length) % this.#items.length;
    this.#hasMoved = true;
    this.#draw();
    return true;
  }

  #choose({ text }) {
    const { from } = this.#current;
    const to = this.#field.selectionStart;
    this.#hide();
    const isSpaced = text.endsWith(" ") && this.#field.value[to] === " ";
    insertText(this.#field, isSpaced ? text.slice(0, -1) : text, { from, to });
    if (isSpaced) this.#field.setSelectionRange(from + text.length, from + text.length);
    this.#update();
    return true;
  }

  #draw() {
    const { isOpen } = this;
    const field = this.#field;
    const options = this.#items.map((item, index) => this.#option(item, index));
    const list = { id: this.#id, role: "listbox", class: "completion-list", "aria-label": "Suggestions" };
    patch(this.#root, isOpen ? h("ul", list, options) : []);
    for (const [name, value] of [
      ["aria-controls", this.#id],
      ["aria-activedescendant", `${this.#id}-${this.#active}`],
    ]) {
      if (isOpen) field.setAttribute(name, value);
      else field.removeAttribute(name);
    }
    if (isOpen) this.#root.querySelector('[aria-selected="true"]').scrollIntoView({ block: "nearest" });
  }

  #option(item, index) {
    const isActive = index === this.#active;
    const keepFocus = (event) => event.preventDefault();
    return h(
      "li",
      {
        key: item.key,
        id: `${this.#id}-${index}`,
        role: "option",
        "aria-selected": String(isActive),
        class: classes("completion-item", isActive && "active"),
        on: { mousedown: keepFocus, click: () => this.#choose(item) },
      },
      item.content,
    );
  }
}
