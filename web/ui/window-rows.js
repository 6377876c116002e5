/** Draws a range of a list's rows, with gaps in place of the others, and knows the rows' elements. */

import { h, patch } from "./view.js";

const FLASH_MS = 1600;

export class WindowRows {
  #root;
  #render;
  #observer;
  #drawn = new Map(); // key → {item, node: the vnode of the row}
  #elements = new Map(); // key → element of a drawn row
  #keys = new WeakMap(); // element → key
  #endFlash = () => {};

  /** `render(item)`: the vnode of a row's content. `observer`: a ResizeObserver, which is given each row. */
  constructor({ root, render, observer }) {
    this.#root = root;
    this.#render = render;
    this.#observer = observer;
  }

  /** Draw the items at these indexes, ascending. `tops`: RowHeights of all items. */
  draw({ items, indexes, tops, header, footer }) {
    const content = [];
    const drawn = new Map();
    let end = 0; // the first index that is not accounted for
    const gap = (to) => {
      const style = { height: `${tops.topOf(to) - tops.topOf(end)}px` };
      if (to > end) content.push(h("div", { key: `gap ${content.length}`, class: "window-gap", style }));
    };
    for (const index of indexes) {
      gap(index);
      const item = items[index];
      const row = this.#row(item);
      drawn.set(item.key, row);
      content.push(row.node);
      end = index + 1;
    }
    gap(items.length);
    this.#drawn = drawn;
    patch(this.#root, [
      h("div", { key: "header", class: "window-header" }, header),
      h("div", { key: "rows", class: "window-rows" }, content),
      h("div", { key: "footer", class: "window-footer" }, footer),
    ]);
    this.#dropOthers();
  }

  clear() {
    patch(this.#root, []);
    this.#drawn.clear();
    this.#dropOthers();
    this.#endFlash();
  }

  /** The element of a row, or undefined where it is not drawn. */
  element(key) {
    return this.#elements.get(key);
  }

  /** The key of the row that an element is, or that a node lies in; undefined if there is none. */
  keyOf(node) {
    const element = node instanceof Element ? node : node?.parentElement;
    return this.#root.contains(element) ? this.#keys.get(element.closest(".window-row")) : undefined;
  }

  /** The keys of the rows with the focus, and with the two ends of the selection; undefined where there is none. */
  held() {
    const selection = document.getSelection();
    const ends = selection && !selection.isCollapsed ? [selection.anchorNode, selection.focusNode] : [null, null];
    return [document.activeElement, ...ends].map((node) => this.keyOf(node));
  }

  /** `[key, height in px]` of each drawn row. */
  measured() {
    return [...this.#elements].map(([key, element]) => [key, element.getBoundingClientRect().height]);
  }

  /** `[key, element]` of each drawn row. */
  entries() {
    return this.#elements.entries();
  }

  /** Give the focus to the first element of a row that takes it, scrolled into view as little as is needed. */
  focus(key) {
    const row = this.#elements.get(key);
    const target = /** @type {HTMLElement} */ (row.querySelector("[tabindex]") ?? row.firstElementChild);
    target?.focus({ preventScroll: true });
    const view = this.#root.getBoundingClientRect();
    const { top, bottom } = row.getBoundingClientRect();
    if (top < view.top) this.#root.scrollTop -= view.top - top;
    else if (bottom > view.bottom) this.#root.scrollTop += Math.min(bottom - view.bottom, top - view.top);
  }

  /** Give a row the class `window-flash` for a moment. */
  flash(key) {
    this.#endFlash();
    const row = this.#elements.get(key);
    row?.classList.add("window-flash");
    const timer = setTimeout(() => this.#endFlash(), FLASH_MS);
    this.#endFlash = () => {
      clearTimeout(timer);
      row?.classList.remove("window-flash");
    };
  }

  /** Where the first row begins in the content of `root`, in px. */
  get origin() {
    const { offsetTop } = /** @type {HTMLElement} */ (this.#root.querySelector(":scope > .window-rows"));
    return offsetTop;
  }

  /** The row of an item; its vnode is the one of before where the item is the same, and view.js skips it. */
  #row(item) {
    const known = this.#drawn.get(item.key);
    if (known?.item === item) return known;
    const ref = (element) => {
      this.#elements.set(item.key, element);
      this.#keys.set(element, item.key);
      this.#observer.observe(element);
    };
    return { item, node: h("div", { key: item.key, class: "window-row", ref }, this.#render(item)) };
  }

  #dropOthers() {
    for (const [key, element] of this.#elements) {
      if (this.#drawn.has(key)) continue;
      this.#observer.unobserve(element);
      this.#elements.delete(key);
    }
  }
}
