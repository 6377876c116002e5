/**
 * One stop of the Tab key for a group of elements, among which the arrow keys move: WAI-ARIA Authoring Practices,
 * "Roving tabindex". The owner draws `tabindex` by `tabIndexOf`, and gives `keydown` the group's events.
 */

export class RovingFocus {
  #root;
  #selector;
  #keys;
  #current = null; // the key of the item that has the Tab stop

  /** `selector` finds the items in `root`; each has its key in the attribute `data-rove`. */
  constructor({ root, selector = "[data-rove]", horizontal = false }) {
    this.#root = root;
    this.#selector = selector;
    this.#keys = horizontal ? { ArrowRight: 1, ArrowLeft: -1 } : { ArrowDown: 1, ArrowUp: -1 };
    root.addEventListener("keydown", (event) => this.#onKeyDown(event));
    root.addEventListener("focusin", ({ target }) => {
      const item = target.closest(this.#selector);
      if (item) this.#moveStop(item);
    });
  }

  /** Exactly one item has a Tab stop: after each drawing, since items come and go. */
  refresh() {
    const items = this.#items;
    const current = items.find((item) => item.dataset.rove === this.#current) ?? items[0];
    if (current) this.#moveStop(current);
  }

  get #items() {
    return [...this.#root.querySelectorAll(this.#selector)];
  }

  #moveStop(current) {
    this.#current = current.dataset.rove;
    for (const item of this.#items) item.tabIndex = item === current ? 0 : -1;
  }

  #onKeyDown(event) {
    const items = this.#items;
    const at = items.indexOf(event.target);
    if (at === -1 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const ends = { Home: 0, End: items.length - 1 };
    const next = ends[event.key] ?? (event.key in this.#keys ? at + this.#keys[event.key] : undefined);
    if (next === undefined || !items[next]) return;
    event.preventDefault();
    items[next].focus();
  }
}
