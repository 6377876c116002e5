/**
 * What the user changes of messages before the server has confirmed it, laid over the copies of the server. Pure. A
 * copy that comes meanwhile is shown with the change, so nothing flickers, and no rev is touched.
 */

const MESSAGES_MAX = 100;

/** @typedef {object | ((message: import("./types.js").Message) => object)} Change Fields, or what computes them. */

export class Overlays {
  #changes = new Map(); // seq → changes, in their order

  /**
   * Past the bound the oldest end.
   * @param {number} seq
   * @param {Change} change
   */
  add(seq, change) {
    const changes = [...(this.#changes.get(seq) ?? []), change];
    this.#changes.delete(seq);
    this.#changes.set(seq, changes);
    if (this.#changes.size <= MESSAGES_MAX) return null;
    const oldest = this.#changes.keys().next().value;
    this.#changes.delete(oldest);
    return oldest;
  }

  /** False if it has ended already. */
  remove(seq, change) {
    const before = this.#changes.get(seq) ?? [];
    const changes = before.filter((one) => one !== change);
    if (changes.length > 0) this.#changes.set(seq, changes);
    else this.#changes.delete(seq);
    return changes.length < before.length;
  }

  clear() {
    this.#changes.clear();
  }

  /** The message as it is to be shown: the same object where nothing is laid over it. */
  shown(message) {
    const changes = this.#changes.get(message.seq) ?? [];
    return changes.reduce(
      (one, change) => ({ ...one, ...(typeof change === "function" ? change(one) : change) }),
      message,
    );
  }
}
