/**
 * The loaded messages of one room: consecutive seqs, ascending, each once. Pure: no socket, no clock.
 * `head` is the newest known seq of the room, `rev` the newest known change. `messages` are the server's copies, with
 * what the user has changed and the server has not confirmed laid over them.
 */

import { Overlays } from "./overlays.js";

const CHANGED_MAX = 200;

export class Timeline {
  messages = [];
  head = 0;
  rev = 0;

  #held = []; // the server's copies of `messages`
  #overlays = new Overlays();
  #begins = false; // whether nothing older exists although the first seq is not 1
  #changed = new Map(); // seq → the newest copy of a message that is not loaded, in case a page on its way is older

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

  /** Whether the newest messages are not loaded, but older ones are; new messages are then only counted. */
  get isDetached() {
    return this.messages.length > 0 && this.last < this.head;
  }

  /** Drop all messages and set the heads. */
  reset({ seq, rev }) {
    this.#hold([]);
    this.head = seq;
    this.rev = rev;
    this.#begins = false;
    this.#changed.clear();
  }

  /** Take a live message. Returns "added", "old" (known), "counted" (while detached), or "gap" (a seq is missing). */
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
    this.#held.push(this.#newest(message));
    this.messages.push(this.#overlays.shown(this.#held.at(-1)));
    if (this.messages.length > this.max) this.#drop(0, this.messages.length - this.max);
    return "added";
  }

  /** Take a change of the room, in rev order: the copy with the greater rev wins. True if a loaded message changed. */
  change(rev, message) {
    this.rev = Math.max(this.rev, rev);
    return message !== null && this.show(message);
  }

  /** Take a copy of a message that did not come in rev order, so `rev` stays. True if a loaded message changed. */
  show(message) {
    if (this.has(message.seq)) return this.#replace(message);
    if (message.rev > (this.#changed.get(message.seq)?.rev ?? 0)) {
      this.#changed.delete(message.seq); // so that the order is that of the changes
      this.#changed.set(message.seq, message);
      if (this.#changed.size > CHANGED_MAX) this.#changed.delete(this.#changed.keys().next().value);
    }
    return false;
  }

  /** The loaded message with this seq as it is shown, or null. */
  get(seq) {
    return this.messages[this.#indexOf(seq)] ?? null;
  }

  /** The server's copy of the loaded message with this seq, or null. */
  stored(seq) {
    return this.#held[this.#indexOf(seq)] ?? null;
  }

  /** The server's copies of all loaded messages. */
  get held() {
    return this.#held;
  }

  /**
   * Show a message with these fields until the function that this returns is called, also if it is loaded later. That
   * function returns whether a loaded message changed. `change`: fields, or what computes them of the message.
   * @param {number} seq
   * @param {import("./overlays.js").Change} change
   */
  overlay(seq, change) {
    const ended = this.#overlays.add(seq, change);
    if (ended !== null) this.#show(ended);
    this.#show(seq);
    return () => this.#overlays.remove(seq, change) && this.#show(seq);
  }

  /** Show the server's copies alone: the seqs that were changed are now those of other messages. */
  endOverlays() {
    this.#overlays.clear();
    this.#hold(this.#held);
  }

  /**
   * Merge a page of history. If a gap remains, only the messages after it are kept.
   * `keep`: which end is kept when there are more than `max`, "newest" or "oldest". `begins`: nothing older exists.
   */
  merge(page, { keep = "newest", begins = false } = {}) {
    const bySeq = new Map(this.#held.map((message) => [message.seq, message]));
    for (const message of page) {
      bySeq.set(message.seq, this.#newest(message, bySeq.get(message.seq)));
    }
    const all = [...bySeq.values()].sort((one, other) => one.seq - other.seq);
    let start = all.length - 1;
    while (start > 0 && all[start - 1].seq === all[start].seq - 1) start -= 1;
    this.#hold(all.slice(Math.max(start, 0)));
    this.head = Math.max(this.head, this.last);
    if (begins) this.#begins = true;
    const extra = this.messages.length - this.max;
    if (extra > 0 && keep === "newest") this.#drop(0, extra);
    else if (extra > 0) this.#drop(this.max, extra);
  }

  /**
   * Show a page of history in place of what is loaded, unless it adjoins that: then more is loaded. `begins`: nothing
   * older exists.
   */
  moveTo(page, { begins = false } = {}) {
    if (page.length === 0) return;
    const isApart = page[0].seq > this.last + 1 || page.at(-1).seq < this.first - 1;
    if (this.#held.length === 0 || isApart) {
      this.#hold(page.map((message) => this.#newest(message)));
      this.head = Math.max(this.head, this.last);
      this.#begins = begins;
    } else this.merge(page, { keep: page[0].seq < this.first ? "oldest" : "newest", begins });
  }

  /**
   * Apply the ack of joinRoom after a reconnect: `missed` has the messages in (since, seq]. `older`: pages that were
   * loaded because the ack was truncated.
   */
  resume({ seq, rev, missed, changes }, older = []) {
    if (!this.isDetached) this.merge([...older, ...missed]);
    for (const { message } of changes) {
      if (message !== null) this.show(message);
    }
    // Last: if anything above throws, the next join asks from the same point.
    this.head = Math.max(this.head, seq);
    this.rev = Math.max(this.rev, rev);
  }

  /** Keep only the newest `count` messages. */
  trim(count) {
    if (this.isDetached) this.#hold([]);
    else if (this.messages.length > count) this.#drop(0, this.messages.length - count);
  }

  has(seq) {
    return this.#indexOf(seq) !== -1;
  }

  /** The newest of these copies of a message and of what is known of its changes. */
  #newest(message, held = message) {
    const known = this.#changed.get(message.seq) ?? message;
    return [held, known].reduce((one, other) => (other.rev > one.rev ? other : one), message);
  }

  #indexOf(seq) {
    const index = seq - this.first;
    return index >= 0 && index < this.messages.length ? index : -1;
  }

  #replace(message) {
    const index = this.#indexOf(message.seq);
    if (index === -1 || message.rev <= this.#held[index].rev) return false;
    this.#held[index] = message;
    return this.#show(message.seq);
  }

  /** True if the message is loaded. */
  #show(seq) {
    const index = this.#indexOf(seq);
    if (index !== -1) this.messages[index] = this.#overlays.shown(this.#held[index]);
    return index !== -1;
  }

  #hold(messages) {
    this.#held = messages;
    this.messages = messages.map((message) => this.#overlays.shown(message));
  }

  #drop(from, count) {
    for (const list of [this.#held, this.messages]) list.splice(from, count);
    if (from === 0) this.#begins = false;
  }
}
