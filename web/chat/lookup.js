/** A search as one types: asks after a pause, page by page, and takes the answer to the last question alone. */

const ASK_AFTER_MS = 200;

export class Lookup {
  #ask;
  #onFound;
  #onFailed;
  #timer = null;
  #number = 0; // of the last question
  #answered = 0; // the number of the last question that was answered, or that nobody waits for any more
  #question = { query: "", cursor: null };
  #isClosed = false;

  /**
   * `ask(query, cursor)` resolves to what was found; with a cursor, to what follows. `onFound(found, {query, isMore})`
   * takes it, and errors go to `onFailed(error, {query, isMore})`.
   */
  constructor({ ask, onFound, onFailed }) {
    this.#ask = ask;
    this.#onFound = onFound;
    this.#onFailed = onFailed;
  }

  /** Whether an answer is to come. */
  get isAsking() {
    return this.#answered < this.#number;
  }

  /** The query is now another one: what is asked still does not count any more. */
  change(query) {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#number += 1;
    this.#timer = setTimeout(() => this.now(query), ASK_AFTER_MS);
  }

  /** Ask at once, from the beginning. */
  now(query) {
    return this.#put({ query, cursor: null });
  }

  /** Ask for what follows what was found, unless something is being asked. */
  async more(cursor) {
    if (!this.isAsking) await this.#put({ query: this.#question.query, cursor });
  }

  /** Ask the last question again. */
  retry() {
    return this.#put(this.#question);
  }

  /** Wait for no answer. */
  cancel() {
    clearTimeout(this.#timer);
    this.#number += 1;
    this.#answered = this.#number;
  }

  close() {
    this.cancel();
    this.#isClosed = true;
  }

  async #put(question) {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#question = question;
    const { query, cursor } = question;
    const number = ++this.#number;
    const about = { query, isMore: cursor !== null };
    try {
      const found = await this.#ask(query, cursor);
      if (this.#isAnswer(number)) this.#onFound(found, about);
    } catch (error) {
      if (this.#isAnswer(number)) this.#onFailed(error, about);
    }
  }

  #isAnswer(number) {
    if (number !== this.#number) return false;
    this.#answered = number;
    return true;
  }
}
