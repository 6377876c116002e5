/**
 * Empties the outbox: one message a room under way, in the order they were written, again under the same clientId
 * until an answer settles it. What can succeed later is retried, what cannot is marked failed and stays for its author
 * to change.
 */

import { backoffMs } from "./retry.js";

const TRIES_MAX = 20; // about eight minutes of a server that answers, and each time refuses

export class Sender {
  #tries = new Map(); // clientId → refusals so far
  #timers = new Map(); // roomId → what waits to be tried again
  #limitedUntil = 0; // by `timed`

  /**
   * `isReady(roomId)`: whether the room may be written to now. `now` and `timed`: the clocks of ChatClient, in ms.
   */
  constructor({ link, outbox, isReady, random, now, timed }) {
    this.link = link;
    this.outbox = outbox;
    this.isReady = isReady;
    this.random = random;
    this.now = now;
    this.timed = timed;
  }

  /** Send what the room has to send. Called whenever that may have become possible. */
  pump(roomId) {
    if (!this.link.isOnline || !this.isReady(roomId) || this.#timers.has(roomId)) return;
    const entry = this.outbox.next(roomId);
    if (!entry) return;
    if (this.#limitedUntil > this.timed()) {
      this.#later(roomId, this.#limitedUntil - this.timed());
      return;
    }
    this.outbox.mark(entry.clientId, "sending");
    this.#send(entry).finally(() => this.pump(roomId));
  }

  /** The link broke: nothing waits any more, all is sent again when the rooms are joined. */
  rewind() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.outbox.rewind();
  }

  async #send({ clientId, roomId, content, mentions }) {
    try {
      const { message } = await this.link.command("sendMessage", { roomId, content, clientId, mentions });
      this.#tries.delete(clientId);
      this.outbox.mark(clientId, "sent", { message });
    } catch (error) {
      this.#refused(clientId, roomId, error);
    }
  }

  #refused(clientId, roomId, error) {
    if (error.code === "disconnected") {
      if (this.link.isOnline) this.#later(roomId, 1000 + backoffMs(0, { random: this.random })); // no answer in time
      return this.outbox.mark(clientId, "waiting");
    }
    if (error.code === "rate_limited") {
      const delay = Math.max(1, error.retryAfterS ?? 1) * 1000;
      this.#limitedUntil = this.timed() + delay;
      this.outbox.mark(clientId, "waiting", { error: Object.assign(error, { until: this.now() + delay }) });
      return this.#later(roomId, delay);
    }
    const tries = (this.#tries.get(clientId) ?? 0) + 1;
    if (!error.retryable || tries >= TRIES_MAX) {
      this.#tries.delete(clientId);
      return this.outbox.mark(clientId, "failed", { error });
    }
    this.#tries.set(clientId, tries);
    this.outbox.mark(clientId, "waiting", { error });
    this.#later(roomId, (error.retryAfterS ?? 0) * 1000 + backoffMs(tries, { random: this.random }));
  }

  #later(roomId, delayMs) {
    const timer = setTimeout(() => {
      this.#timers.delete(roomId);
      this.pump(roomId);
    }, delayMs);
    this.#timers.set(roomId, timer);
  }
}
