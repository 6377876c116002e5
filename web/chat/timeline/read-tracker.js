/**
 * Keeps what was on the screen, and so is read. The server knows one seq up to which all is read: it moves on while no
 * message is left out, so that what one jumped over stays unread. Pure.
 */

const SEEN_MAX = 5000;

export class ReadTracker {
  #readSeq;
  #seen = new Set(); // seqs beyond #readSeq

  constructor(readSeq) {
    this.#readSeq = readSeq;
  }

  get readSeq() {
    return this.#readSeq;
  }

  /** All up to here is read: the user said so, wrote a message, or read it elsewhere. */
  readUpTo(seq) {
    this.#readSeq = Math.max(this.#readSeq, seq);
    this.#advance();
  }

  /** These were on the screen. Returns whether `readSeq` has moved on. */
  see(seqs) {
    const before = this.#readSeq;
    for (const seq of seqs) {
      if (seq > this.#readSeq && this.#seen.size < SEEN_MAX) this.#seen.add(seq);
    }
    this.#advance();
    return this.#readSeq > before;
  }

  /** The room begins anew: a restored backup has fewer messages. */
  reset(readSeq) {
    this.#readSeq = readSeq;
    this.#seen.clear();
  }

  #advance() {
    while (this.#seen.delete(this.#readSeq + 1)) this.#readSeq += 1;
    for (const seq of this.#seen) if (seq <= this.#readSeq) this.#seen.delete(seq);
  }
}
