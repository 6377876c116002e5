/**
 * Sends the messages of the outbox in order, one per room at a time, and retries with the same clientId until the
 * server answers. After a retryable error a message is sent again; after any other it is marked failed and kept, so
 * that its author can edit it.
 */

import { backoffMs } from "./backoff.js";

const ATTEMPTS_MAX = 20; // about eight minutes of retryable errors

export class MessageSender {
  #attempts = new Map(); // clientId → failed attempts
  #timers = new Map(); // roomId → timer of the next attempt
  #limitedUntil = 0; // on the clock `timed`; of the limit that all rooms share

  /** `isReady(roomId)`: whether the room is joined. `now` and `timed`: the clocks of ChatClient, in ms. */
  constructor({ connection, outbox, isReady, random, now, timed }) {
    this.connection = connection;
    this.outbox = outbox;
    this.isReady = isReady;
    this.random = random;
    this.now = now;
    this.timed = timed;
  }

  /** Send the room's next message, if that is possible now. */
  sendNext(roomId) {
    if (!this.connection.isOnline || !this.isReady(roomId) || this.#timers.has(roomId)) return;
    const entry = this.outbox.nextToSend(roomId);
    if (!entry) return;
    if (this.#limitedUntil > this.timed()) {
      this.#retryLater(roomId, this.#limitedUntil - this.timed());
      return;
    }
    this.outbox.setState(entry.clientId, "sending");
    this.#send(entry).finally(() => this.sendNext(roomId));
  }

  /** The connection closed: cancel the retries. Everything is sent again when the rooms are joined. */
  reset() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.outbox.requeueSending();
  }

  async #send(entry) {
    const { clientId, roomId } = entry;
    try {
      const { message } = await this.connection.command("sendMessage", commandOf(entry));
      this.#attempts.delete(clientId);
      this.outbox.setState(clientId, "sent", { message });
    } catch (error) {
      this.#onRefusal(clientId, roomId, error);
    }
  }

  #onRefusal(clientId, roomId, error) {
    if (error.code === "disconnected") {
      // No reply in time
      if (this.connection.isOnline) this.#retryLater(roomId, 1000 + backoffMs(0, { random: this.random }));
      return this.outbox.setState(clientId, "waiting");
    }
    if (error.code === "rate_limited") {
      const delay = Math.max(1, error.retryAfterS ?? 1) * 1000;
      // A room's slow mode names no operation and holds up nothing in other rooms.
      if (error.details.operation) this.#limitedUntil = this.timed() + delay;
      this.outbox.setState(clientId, "waiting", { error: Object.assign(error, { until: this.now() + delay }) });
      return this.#retryLater(roomId, delay);
    }
    const attempts = (this.#attempts.get(clientId) ?? 0) + 1;
    if (!error.retryable || attempts >= ATTEMPTS_MAX) {
      this.#attempts.delete(clientId);
      return this.outbox.setState(clientId, "failed", { error });
    }
    this.#attempts.set(clientId, attempts);
    this.outbox.setState(clientId, "waiting", { error });
    this.#retryLater(roomId, (error.retryAfterS ?? 0) * 1000 + backoffMs(attempts, { random: this.random }));
  }

  #retryLater(roomId, delayMs) {
    clearTimeout(this.#timers.get(roomId));
    const timer = setTimeout(() => {
      this.#timers.delete(roomId);
      this.sendNext(roomId);
    }, delayMs);
    this.#timers.set(roomId, timer);
  }
}

/** An entry that an earlier version stored may lack the newer fields. */
function commandOf({ clientId, roomId, content, mentions, attachments, replyToId, threadId }) {
  const command = { roomId, content, clientId, mentions };
  if (attachments?.length) command.attachments = attachments.map(({ id }) => id);
  if (replyToId) command.replyToId = replyToId;
  if (threadId) command.threadId = threadId;
  return command;
}
