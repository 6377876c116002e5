/** Tells the owner of a long list which rows are on the screen, and when an end of it is near: each once. */

const NEAR_SCREENS = 2; // more is asked for when an end is as near as this

export class WindowReports {
  #onRange;
  #onEnds;
  #asked = { start: null, end: null }; // the items for which `onEnds` was called
  #shown = ""; // what `onRange` was told last
  #isClosed = false;

  /** `onRange({first, last})`, `onEnds("start" | "end")`: see WindowList. */
  constructor({ onRange, onEnds }) {
    this.#onRange = onRange;
    this.#onEnds = onEnds;
  }

  close() {
    this.#isClosed = true;
  }

  /** `heights`: RowHeights of the items; `top`, `view`: where the view begins in them, and its height, in px. */
  tell({ items, heights, top, view, isAtEnd }) {
    if (view === 0) return; // not shown: nobody is near an end
    if (items.length === 0) return this.#askFor("start", items);
    const keyAt = (px) => items[heights.indexAt(px)].key;
    const keys = { first: keyAt(top), last: keyAt(top + view - 1) };
    const shown = JSON.stringify([keys, isAtEnd]);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#onRange(keys);
    }
    if (top < NEAR_SCREENS * view) this.#askFor("start", items);
    if (top + view > heights.total - NEAR_SCREENS * view) this.#askFor("end", items);
  }

  #askFor(end, items) {
    if (this.#asked[end] === items) return;
    this.#asked[end] = items;
    queueMicrotask(() => !this.#isClosed && this.#onEnds(end));
  }
}
