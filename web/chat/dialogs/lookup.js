/** A search as one types: asks after a pause, and takes the answer to the last question alone. */

const ASK_AFTER_MS = 200;

export class Lookup {
  #ask;
  #onFound;
  #onFailed;
  #timer = null;
  #number = 0;

  /** `ask(query)` resolves to what was found, which `onFound(found, query)` takes; errors go to `onFailed(error)`. */
  constructor({ ask, onFound, onFailed }) {
    this.#ask = ask;
    this.#onFound = onFound;
    this.#onFailed = onFailed;
  }

  /** The query is now another one. */
  change(query) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(query), ASK_AFTER_MS);
  }

  /** Ask at once. */
  async now(query) {
    clearTimeout(this.#timer);
    const number = ++this.#number;
    try {
      const found = await this.#ask(query);
      if (number === this.#number) this.#onFound(found, query);
    } catch (error) {
      if (number === this.#number) this.#onFailed(error);
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#number = -1;
  }
}
