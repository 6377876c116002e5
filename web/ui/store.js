/**
 * Holds the state of a page and draws what depends on it, once a frame at most. Some of the state changes in place (the
 * rooms and timelines of the client library): of it the store counts versions.
 */

const VERSIONS_MAX = 2000; // some are of one thread or draft: a page that is open for days meets many
const HIDDEN_FRAME_MS = 250; // a hidden page has no animation frames, and its title is read

export class Store {
  #versions = new Map(); // the order is that of the changes
  #changes = 0; // of all: no version comes twice, also where one was forgotten
  #selections = new Set(); // {select, render, values}
  #cancel = null; // ends the wait for the next frame

  /** @param {Record<string, any>} state */
  constructor(state = {}) {
    this.state = state;
  }

  /** Merge these fields into the state. */
  set(fields) {
    if (Object.entries(fields).every(([name, value]) => this.state[name] === value)) return;
    this.state = { ...this.state, ...fields };
    this.#schedule();
  }

  /** What is called `name` has changed in place. */
  bump(name) {
    this.#versions.delete(name);
    this.#versions.set(name, (this.#changes += 1));
    if (this.#versions.size > VERSIONS_MAX) this.#versions.delete(this.#versions.keys().next().value);
    this.#schedule();
  }

  /** A number that is another one after each change of `name`; that of what has changed long ago may be 0 again. */
  version(name) {
    return this.#versions.get(name) ?? 0;
  }

  /**
   * Call `render(...values)` with the array that `select(state, store)` returns: now, and then in each frame in which
   * one of the values is another one (===). Returns a function that ends it.
   * @param {(state: any, store: Store) => any[]} select
   * @param {(...values: any[]) => void} render
   */
  select(select, render) {
    const selection = { select, render, values: select(this.state, this) };
    this.#selections.add(selection);
    render(...selection.values);
    return () => void this.#selections.delete(selection);
  }

  /** Draw at once what has changed: before something is measured. */
  flush() {
    this.#cancel?.();
    this.#cancel = null;
    for (const selection of [...this.#selections]) {
      if (!this.#selections.has(selection)) continue; // ended by one that was drawn before it
      const values = selection.select(this.state, this);
      const { values: before, render } = selection;
      if (values.length === before.length && values.every((value, n) => value === before[n])) continue;
      selection.values = values;
      try {
        render(...values);
      } catch (error) {
        reportError(error); // one view that fails does not stop the others
      }
    }
  }

  /** End all selections. */
  close() {
    this.#cancel?.();
    this.#cancel = null;
    this.#selections.clear();
  }

  #schedule() {
    if (this.#cancel || this.#selections.size === 0) return;
    const draw = () => this.flush();
    if (document.visibilityState === "visible") {
      // A page that is hidden before the frame comes would wait for it until it is seen again.
      const frame = requestAnimationFrame(draw);
      const timer = setTimeout(draw, HIDDEN_FRAME_MS);
      this.#cancel = () => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
      };
    } else {
      const timer = setTimeout(draw, HIDDEN_FRAME_MS);
      this.#cancel = () => clearTimeout(timer);
    }
  }
}
