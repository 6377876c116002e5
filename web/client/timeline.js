/**
 * The messages of one room that are held: a run of consecutive seqs, each once, ascending.
 * Pure: no socket, no clock. `head` is the room's newest seq as far as known, `rev` the last change that was seen.
 */

export class Timeline {
  messages = [];
  head = 0;
  rev = 0;

  #begins = false; // whether nothing older can be had, although the run does not start at 1

  constructor({ max = 2000 } = {}) {
    this.max = max;
  }

  get first() {
    return this.messages[0]?.seq ?? this.head + 1;
  }

  get last() {
    return this.messages.at(-1)?.seq ?? this.head;
  }

  get hasOlder() {
    return this.first > 1 && !this.#begins;
  }

  /** Whether the newest messages were let go of, to look far back; live ones are then only counted. */
  get isDetached() {
    return this.messages.length > 0 && this.last < this.head;
  }

  /** Hold nothing; the room stands at these heads. */
  reset({ seq, rev }) {
    this.messages = [];
    this.head = seq;
    this.rev = rev;
    this.#begins = false;
  }

  /**
   * A live message: "added", "old" (seen before), "counted" (while detached), or "gap": others are missing before it.
   */
  receive(message) {
    const { seq } = message;
    if (seq <= this.head) {
      this.#replace(message);
      return "old";
    }
    if (seq > this.head + 1) return "gap";
    const detached = this.isDetached;
    this.head = seq;
    if (detached) return "counted";
    this.messages.push(message);
    if (this.messages.length > this.max) this.#drop(0, this.messages.length - this.max);
    return "added";
  }

  /** A changed message: of two copies the one with the greater rev is kept. True if something shown has changed. */
  change(rev, message) {
    this.rev = Math.max(this.rev, rev);
    return message !== null && this.#replace(message);
  }

  /**
   * Take in a page of history. Where it does not meet what is held, the newer side is kept, so that there is never a
   * hole.
   * `keep`: which end stays when there are too many, "newest" or "oldest". `begins`: nothing older can be had.
   */
  merge(page, { keep = "newest", begins = false } = {}) {
    const bySeq = new Map(this.messages.map((message) => [message.seq, message]));
    for (const message of page) {
      const held = bySeq.get(message.seq);
      if (!held || message.rev > held.rev) bySeq.set(message.seq, message);
    }
    const all = [...bySeq.values()].sort((one, other) => one.seq - other.seq);
    let start = all.length - 1;
    while (start > 0 && all[start - 1].seq === all[start].seq - 1) start -= 1;
    this.messages = all.slice(Math.max(start, 0));
    this.head = Math.max(this.head, this.last);
    if (begins) this.#begins = true;
    const extra = this.messages.length - this.max;
    if (extra > 0 && keep === "newest") this.#drop(0, extra);
    else if (extra > 0) this.#drop(this.max, extra);
  }

  /**
   * After a reconnect: what was missed, in (since, seq]. `older` are the pages that were fetched where that was cut
   * short.
   */
  resume({ seq, rev, missed, changes }, older = []) {
    if (!this.isDetached) this.merge([...older, ...missed]);
    for (const { message } of changes) {
      if (message !== null) this.#replace(message);
    }
    // Last: where anything of it cannot be taken in, what is asked for next time begins where it began.
    this.head = Math.max(this.head, seq);
    this.rev = Math.max(this.rev, rev);
  }

  /** Keep only the newest `count`. */
  trim(count) {
    if (this.isDetached) this.messages = [];
    else if (this.messages.length > count) this.#drop(0, this.messages.length - count);
  }

  has(seq) {
    return this.#indexOf(seq) !== -1;
  }

  #indexOf(seq) {
    const index = seq - this.first;
    return index >= 0 && index < this.messages.length ? index : -1;
  }

  #replace(message) {
    const index = this.#indexOf(message.seq);
    if (index === -1 || message.rev <= this.messages[index].rev) return false;
    this.messages[index] = message;
    return true;
  }

  #drop(from, count) {
    this.messages.splice(from, count);
    if (from === 0) this.#begins = false;
  }
}
