/** The heights of the rows of a list, as far as they were measured, and where each row begins. Pure. */

const ESTIMATE_PX = 56; // until the first row was measured

export class RowHeights {
  #known = new Map(); // key → px
  #sum = 0; // of what is known
  #average = ESTIMATE_PX; // of what was known last
  #keys = [];
  #tops = new Float64Array(1); // tops[n]: where row n begins; tops[length]: where the last one ends

  get length() {
    return this.#keys.length;
  }

  /** The height of all rows, in px. */
  get total() {
    return this.#tops[this.#keys.length];
  }

  /** Those that are not measured are taken to be as high as the others are on average. */
  get estimate() {
    return this.#known.size > 0 ? this.#sum / this.#known.size : this.#average;
  }

  /** The rows are now these, in this order. What was measured of keys that are gone is forgotten once it is much. */
  setKeys(keys) {
    this.#keys = keys;
    if (this.#known.size > 2 * keys.length + 1000) this.#forgetOthers(new Set(keys));
    this.#place();
  }

  /** What was measured is of another width: all are estimated until they are measured again. */
  forget() {
    this.#average = this.estimate;
    this.#known.clear();
    this.#sum = 0;
    this.#place();
  }

  /** Take measured heights: an iterable of `[key, px]`. True if one differs from what was known. */
  measure(heights) {
    let hasChanged = false;
    for (const [key, px] of heights) {
      const before = this.#known.get(key);
      if (before === px) continue;
      this.#sum += px - (before ?? 0);
      this.#known.set(key, px);
      hasChanged = true;
    }
    if (hasChanged) this.#place();
    return hasChanged;
  }

  /** Where row `index` begins, from the first row's top. */
  topOf(index) {
    return this.#tops[index];
  }

  /** The index of the row that covers this place; the first or last one beyond the ends; -1 if there is none. */
  indexAt(px) {
    let low = 0;
    let high = this.#keys.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#tops[middle] <= px) low = middle;
      else high = middle - 1;
    }
    return high < 0 ? -1 : low;
  }

  #place() {
    const { length } = this.#keys;
    if (this.#tops.length < length + 1) this.#tops = new Float64Array(2 * length + 1);
    const { estimate } = this;
    let top = 0;
    for (let index = 0; index < length; index += 1) {
      this.#tops[index] = top;
      top += this.#known.get(this.#keys[index]) ?? estimate;
    }
    this.#tops[length] = top;
  }

  #forgetOthers(kept) {
    for (const [key, px] of this.#known) {
      if (kept.has(key)) continue;
      this.#known.delete(key);
      this.#sum -= px;
    }
  }
}
