/**
 * What replies answer: the message that is quoted, from those that are shown, or read from the server, a few at a time
 * and each once. Holds what the rows of the last arrangement quote, and nothing else.
 */

const AT_ONCE = 3;
const WANTED_MAX = 100; // the newest first: each is a request that the server counts
const RETRY_MS = 30_000;

export class QuotedMessages {
  #read;
  #onRead;
  #timed;
  #known = new Map(); // message id → {message, author}; message is null until it is read
  #before = new Map(); // of the arrangement before, those that this one has not asked for yet
  #shown = new Map(); // message id → message
  #wanted = new Set(); // ids, the latest last
  #notBefore = new Map(); // id of one that was asked for → when it may be again
  #running = 0;

  /**
   * `read(messageId)` resolves to a message, or throws ChatError; `onRead()`: something became known. `timed`: a
   * monotonic clock, in ms.
   */
  constructor({ read, onRead, timed = () => performance.now() }) {
    this.#read = read;
    this.#onRead = onRead;
    this.#timed = timed;
  }

  /** The rows of these messages are arranged: what none of them quotes is forgotten. */
  begin(messages) {
    this.#shown = new Map(messages.map((message) => [message.id, message]));
    this.#before = this.#known;
    this.#known = new Map();
    for (const id of this.#notBefore.keys()) if (!this.#before.has(id)) this.#notBefore.delete(id);
  }

  /** `{message, author}`, the same object as long as it shows the same. */
  of(messageId, authorOf) {
    const before = this.#known.get(messageId) ?? this.#before.get(messageId);
    const message = this.#shown.get(messageId) ?? before?.message ?? null;
    if (message === null) this.#want(messageId);
    const author = message && authorOf(message);
    const isSame = before && before.message === message && before.author === author;
    const quoted = isSame ? before : { message, author };
    this.#known.set(messageId, quoted);
    return quoted;
  }

  #want(messageId) {
    if ((this.#notBefore.get(messageId) ?? 0) > this.#timed()) return;
    this.#wanted.delete(messageId);
    this.#wanted.add(messageId);
    if (this.#wanted.size > WANTED_MAX) this.#wanted.delete(this.#wanted.values().next().value);
    queueMicrotask(() => this.#run()); // when all are known that the rows want
  }

  #run() {
    while (this.#running < AT_ONCE && this.#wanted.size > 0) void this.#readNext();
  }

  async #readNext() {
    const messageId = [...this.#wanted].at(-1);
    this.#wanted.delete(messageId);
    if (!this.#known.has(messageId)) return; // its row has gone
    this.#notBefore.set(messageId, Infinity);
    this.#running += 1;
    try {
      const message = await this.#read(messageId);
      this.#notBefore.delete(messageId);
      if (!this.#known.has(messageId)) return;
      this.#known.set(messageId, { message, author: null });
      this.#onRead();
    } catch (error) {
      // What is gone, or may not be read, stays so.
      if (error.retryable) this.#notBefore.set(messageId, this.#timed() + RETRY_MS);
    } finally {
      this.#running -= 1;
      this.#run();
    }
  }
}
