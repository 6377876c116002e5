/**
 * A list of any length of which only the rows around the visible ones are in the document: the one owner of scrolling.
 * Between rows that are drawn and rows that are not stand gaps with their heights, measured or estimated. Whatever
 * changes (history above, an edited row, an image that has loaded, the width), the first visible row stays where it is,
 * or the end, where the reader follows it. Browsers have scroll anchoring of their own (`overflow-anchor`), which knows
 * nothing of gaps: it is off.
 */

import { RowHeights } from "./row-heights.js";
import { indexesToDraw, rangeAround, successor } from "./window-range.js";
import { WindowReports } from "./window-reports.js";
import { WindowRows } from "./window-rows.js";

const MARGIN_SCREENS = 1; // drawn above and below what is visible
const NEAR_END_PX = 48; // as near to the end as counts as at the end
const ROUNDS_MAX = 4; // rows that turn out lower than estimated uncover others
const VIEW_MIN_PX = 200; // a view without a height yet

export class WindowList {
  #root;
  #rows;
  #reports;
  #isSet = false; // before `set` there is nothing to tell
  #items = [];
  #options = { follow: false, header: null, footer: null };
  #heights = new RowHeights();
  /** @type {[number, number]} */
  #range = [0, -1]; // first and last index that is drawn, without rows that are kept outside of it
  #origin = 0; // where the first row begins, in the content of `root`
  #anchor = null; // {key, offset}: the first visible row, and its top from the top of the view, in px
  #staysAtEnd = true; // while `follow` is set
  #scrollTop = 0; // as it was when the anchor was taken
  #width = 0; // with which the heights were measured
  #observer = new ResizeObserver((entries) => this.#onResize(entries));
  #frame = null;
  #closing = new AbortController();

  /**
   * `root`: the scrolling element, which is a positioned one. `render(item)`: the vnode of a row.
   * `onRange({first, last})`: keys of the rows on the screen, when that changes. `onEnds("start" | "end")`: an end is
   * near; once for each array of items.
   */
  constructor({ root, render, onRange = (range) => {}, onEnds = (end) => {} }) {
    this.#root = root;
    this.#reports = new WindowReports({ onRange, onEnds });
    this.#rows = new WindowRows({ root, render, observer: this.#observer });
    root.style.setProperty("overflow-anchor", "none");
    root.addEventListener("scroll", () => this.#onScroll(), { passive: true, signal: this.#closing.signal });
    this.#observer.observe(root);
    this.#width = root.clientWidth;
  }

  close() {
    this.#closing.abort();
    this.#reports.close();
    this.#observer.disconnect();
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#rows.clear();
  }

  /**
   * Show these items, each with a `key` of its own; an item is drawn again when it is another object. `follow`: stay at
   * the end while that is on the screen. `header` and `footer`: vnodes before and after the rows.
   */
  set(items, { follow = false, header = null, footer = null } = {}) {
    this.#moveAnchor();
    const before = this.#items;
    this.#items = items;
    this.#isSet = true;
    this.#options = { follow, header, footer };
    this.#heights.setKeys(items.map((item) => item.key));
    if (this.#anchor !== null && this.#indexOf(this.#anchor.key) === -1) {
      const key = successor(this.#anchor.key, before, items);
      this.#anchor = key === undefined ? null : { key, offset: this.#anchor.offset };
    }
    this.#update();
  }

  /** Whether the end is on the screen. */
  get isAtEnd() {
    return this.#distanceToEnd < NEAR_END_PX;
  }

  toEnd() {
    this.#staysAtEnd = true;
    if (this.#items.length === 0) return;
    if (this.#isFollowing) this.#update();
    else this.jumpTo(this.#items.at(-1).key, { align: "end" });
    this.#staysAtEnd = true;
  }

  /** Show the row with this key; false if there is none. `flash`: mark it for a moment. */
  jumpTo(key, { align = "start", flash = false } = {}) {
    if (this.#indexOf(key) === -1) return false;
    this.#staysAtEnd = false;
    for (const height of [() => this.#heights.estimate, () => this.#rows.element(key).getBoundingClientRect().height]) {
      const free = this.#root.clientHeight - height(); // the second time the row has been measured
      this.#anchor = { key, offset: { start: 0, center: Math.max(0, free / 2), end: free }[align] };
      this.#update({ keepsAnchor: true });
    }
    this.#takeAnchor();
    this.#staysAtEnd = this.isAtEnd;
    if (flash) this.#rows.flash(key);
    return true;
  }

  /** Give the focus to the first element of the row that takes it, scrolled into view as little as is needed. */
  focusRow(key) {
    if (!this.#rows.element(key) && !this.jumpTo(key, { align: "center" })) return false;
    this.#rows.focus(key);
    return true;
  }

  /** The keys of the rows that are wholly on the screen, or fill it, or are higher than it and end on it. */
  visibleKeys() {
    const view = this.#root.getBoundingClientRect();
    if (view.height === 0) return []; // the list is not shown at all
    const isVisible = ({ top, bottom, height }) =>
      bottom > view.bottom + 1 ? top < view.top : top >= view.top - 1 || (height > view.height && bottom > view.top);
    return [...this.#rows.entries()].filter(([, row]) => isVisible(row.getBoundingClientRect())).map(([key]) => key);
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  #update({ keepsAnchor = false } = {}) {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      this.#draw(this.#wantedRange());
      const hasChanged = this.#heights.measure(this.#rows.measured());
      if (hasChanged) this.#draw(this.#range); // the gaps, by what rows are high on average
      this.#origin = this.#rows.origin;
      this.#restore();
      if (this.#isCovered()) break;
    }
    if (!keepsAnchor) this.#keepAnchor();
    this.#tell();
  }

  /** The indexes that are to be drawn: what is visible, and a margin. */
  #wantedRange() {
    const view = Math.max(this.#root.clientHeight, VIEW_MIN_PX);
    return rangeAround(this.#heights, { top: this.#wantedTop(view), view, margin: MARGIN_SCREENS * view });
  }

  /** Where the view begins, from the first row's top, as far as heights are known. */
  #wantedTop(view) {
    if (this.#isFollowing) return this.#heights.total - view;
    const index = this.#anchor === null ? -1 : this.#indexOf(this.#anchor.key);
    return index === -1 ? this.#root.scrollTop - this.#origin : this.#heights.topOf(index) - this.#anchor.offset;
  }

  #draw([first, last]) {
    this.#range = [first, last];
    /** @type {any} */
    const held = this.#rows.held().map((key) => (key === undefined ? -1 : this.#indexOf(key)));
    const indexes = indexesToDraw([first, last], held);
    const { header, footer } = this.#options;
    this.#rows.draw({ items: this.#items, indexes, tops: this.#heights, header, footer });
  }

  // ---- the place in the list ----------------------------------------------------------------------------------------

  get #distanceToEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#root;
    return scrollHeight - scrollTop - clientHeight;
  }

  get #isFollowing() {
    return this.#staysAtEnd && this.#options.follow;
  }

  #indexOf(key) {
    return this.#items.findIndex((item) => item.key === key);
  }

  /** Scroll to where the anchor, or the end, is where it was; not for nothing: a write ends the fling of a finger. */
  #restore() {
    const root = this.#root;
    const row = this.#anchor && this.#rows.element(this.#anchor.key);
    if (this.#isFollowing) {
      if (this.#distanceToEnd >= 1) root.scrollTop = root.scrollHeight;
    } else if (row) {
      const distance = this.#offsetOf(row) - this.#anchor.offset;
      if (Math.abs(distance) >= 1 / devicePixelRatio) root.scrollTop += distance;
    }
    this.#scrollTop = root.scrollTop;
  }

  #offsetOf(row) {
    return row.getBoundingClientRect().top - this.#root.getBoundingClientRect().top - this.#root.clientTop;
  }

  /** Whether rows are drawn wherever the view shows the list, and `margin` px beyond. */
  #isCovered(margin = 0) {
    const [first, last] = this.#range;
    const top = this.#root.scrollTop - this.#origin;
    const bottom = top + this.#root.clientHeight;
    const isAbove = first === 0 || this.#heights.topOf(first) <= top - margin;
    return isAbove && (last === this.#items.length - 1 || this.#heights.topOf(last + 1) >= bottom + margin);
  }

  /**
   * Where the anchor is on the screen where it should be, it stays the anchor until the reader scrolls: taking each time
   * where it is would add up what scrolling rounds.
   */
  #keepAnchor() {
    const row = this.#anchor && this.#rows.element(this.#anchor.key);
    const offset = row && this.#offsetOf(row);
    const isKept = row && Math.abs(offset - this.#anchor.offset) <= 1 && offset + row.offsetHeight > 0;
    if (!isKept) this.#takeAnchor();
  }

  /** Remember the first visible row and where it is. */
  #takeAnchor() {
    this.#scrollTop = this.#root.scrollTop;
    const [first, last] = this.#range;
    const index = Math.max(first, Math.min(this.#heights.indexAt(Math.max(0, this.#scrollTop - this.#origin)), last));
    const key = this.#items[index]?.key;
    const row = this.#rows.element(key);
    this.#anchor = row ? { key, offset: this.#offsetOf(row) } : null;
  }

  /** The reader may have scrolled since the anchor was taken, and the event of that not have come yet. */
  #moveAnchor() {
    const moved = this.#root.scrollTop - this.#scrollTop;
    if (moved === 0) return;
    this.#follow(moved);
    if (this.#anchor !== null) this.#anchor = { key: this.#anchor.key, offset: this.#anchor.offset - moved };
    this.#scrollTop = this.#root.scrollTop;
  }

  /**
   * The reader leaves the end by any scroll up, and is there again by a scroll down that comes near it. A list that has
   * become lower scrolls up, too: to its very end.
   */
  #follow(moved) {
    const distance = this.#distanceToEnd;
    if (distance < 1 || (moved > 0 && distance < NEAR_END_PX)) this.#staysAtEnd = true;
    else if (moved < 0) this.#staysAtEnd = false;
  }

  // ---- what happens -------------------------------------------------------------------------------------------------

  #onScroll() {
    const { scrollTop } = this.#root;
    if (scrollTop === this.#scrollTop) return; // our own
    this.#follow(scrollTop - this.#scrollTop);
    this.#scrollTop = scrollTop;
    if (this.#isCovered()) this.#takeAnchor();
    else this.#guessAnchor();
    if (this.#isCovered((MARGIN_SCREENS * this.#root.clientHeight) / 3)) this.#tell();
    else this.#update();
  }

  /** The view is where no row is drawn: the row that is expected there becomes the anchor. */
  #guessAnchor() {
    const top = this.#scrollTop - this.#origin;
    const index = this.#heights.indexAt(Math.max(0, top));
    const key = this.#items[index]?.key;
    this.#anchor = key === undefined ? null : { key, offset: this.#heights.topOf(index) - top };
  }

  /** Rows or the view have another size: before it is painted, put what is read back where it was. */
  #onResize(entries) {
    const heights = entries
      .map(({ target }) => [this.#rows.keyOf(target), target.getBoundingClientRect().height])
      .filter(([key]) => key !== undefined);
    const isOtherWidth = this.#root.clientWidth !== this.#width;
    if (isOtherWidth) this.#heights.forget();
    this.#width = this.#root.clientWidth;
    const hasChanged = this.#heights.measure(isOtherWidth ? this.#rows.measured() : heights);
    if (!hasChanged && !entries.some(({ target }) => target === this.#root)) return;
    this.#restore();
    // More rows may be visible now. Drawing them here would be a second layout in this frame.
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#moveAnchor();
      this.#update();
    });
  }

  #tell() {
    const top = this.#root.scrollTop - this.#origin;
    const of = { items: this.#items, heights: this.#heights, top, view: this.#root.clientHeight };
    if (this.#isSet) this.#reports.tell({ ...of, isAtEnd: this.isAtEnd });
  }
}
