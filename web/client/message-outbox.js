/**
 * The messages that the server has not stored yet: per user, kept in storage so that they survive a reload. The number
 * that a page may add is bounded; what closed pages left is taken over whole: no bound may drop what somebody wrote.
 */

import { ChatError } from "./chat-error.js";
import { OutboxStorage } from "./outbox-storage.js";

/**
 * An entry: `{clientId, roomId, content, mentions, attachments (files), replyToId, threadId, createdAt (epoch ms),
 * state, error}`; `state`: waiting, sending, sent, failed.
 * Events: `change` (detail {roomId}); `saved` (detail {isSaved}: whether the entries would survive a reload; when that
 * changes).
 */
export class MessageOutbox extends EventTarget {
  isSaved = true; // false after the storage was full, or refused

  #entries = [];
  #stored;

  /**
   * `max` bounds what is unsent when a message is added. `prefixes` are of the storage's keys: that under which it is
   * stored, and others of earlier versions.
   */
  constructor({ storage, locks = null, userId, prefixes = ["chat."], max = 100, now = Date.now }) {
    super();
    this.max = max;
    this.now = now;
    this.userId = userId;
    const ofUser = prefixes.map((prefix) => `${prefix}outbox.${userId}.`);
    this.#stored = new OutboxStorage({ storage, locks, prefixes: ofUser, key: ofUser[0] + makeId() });
  }

  /** Take over the entries of closed pages, also of those that close later. */
  async open() {
    await this.#stored.open((found) => this.#takeOver(found));
  }

  close() {
    this.#stored.close();
  }

  /** Drop all that this user has not sent, here and in other pages, for good: the account is deleted. */
  discard() {
    const { roomIds } = this;
    this.#entries = [];
    this.#stored.discard();
    for (const roomId of roomIds) this.#emit("change", { roomId });
  }

  entries(roomId) {
    return this.#entries.filter((entry) => entry.roomId === roomId);
  }

  get roomIds() {
    return [...new Set(this.#entries.map((entry) => entry.roomId))];
  }

  get unsentCount() {
    return this.#entries.filter((entry) => entry.state !== "sent").length;
  }

  /**
   * Throws ChatError `outbox_full`.
   * @returns {import("./types.js").OutboxEntry}
   */
  add({ roomId, content, mentions = [], attachments = [], replyToId = null, threadId = null }) {
    if (this.unsentCount >= this.max) {
      throw new ChatError({ code: "outbox_full", message: "Too many messages are waiting to be sent." });
    }
    /** @type {import("./types.js").OutboxEntry} */
    const entry = {
      clientId: makeId(),
      roomId,
      content,
      mentions,
      attachments,
      replyToId,
      threadId,
      createdAt: this.now(),
      state: "waiting",
      error: null,
    };
    this.#entries.push(entry);
    this.#saveAndEmit(roomId);
    return entry;
  }

  /** The first entry of the room that is neither failed nor sent; null while one is being sent. */
  nextToSend(roomId) {
    const entries = this.entries(roomId);
    if (entries.some((entry) => entry.state === "sending")) return null;
    return entries.find((entry) => entry.state === "waiting") ?? null;
  }

  /** Set an entry's state: `sending`; `waiting` or `failed` with the error; `sent` with the stored message. */
  setState(clientId, state, { error = null, message = null } = {}) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (!entry) return;
    Object.assign(entry, { state, message, error: error && errorSummary(error) });
    this.#saveAndEmit(entry.roomId);
  }

  /** Queue a failed entry again, after all others. */
  retry(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId && one.state === "failed");
    if (!entry) return;
    this.#entries = [...this.#entries.filter((one) => one !== entry), entry];
    this.setState(clientId, "waiting");
  }

  /** The rooms of entries that are neither failed nor sent. */
  get waitingRoomIds() {
    const waiting = this.#entries.filter(({ state }) => state === "waiting" || state === "sending");
    return [...new Set(waiting.map(({ roomId }) => roomId))];
  }

  /** The user is not in this room any more: mark its messages as failed; returns those that were not failed before. */
  failUndeliverable(roomId) {
    const error = { code: "not_member", message: "You are no longer in this room." };
    const entries = this.entries(roomId).filter(({ state }) => state !== "failed");
    for (const { clientId } of entries) this.setState(clientId, "failed", { error });
    return entries;
  }

  /** Returns a function that puts it back in its place. */
  remove(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (!entry) return () => {};
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#saveAndEmit(entry.roomId);
    return () => {
      this.#entries = interleaved([entry], this.#entries);
      this.#saveAndEmit(entry.roomId);
    };
  }

  /** Remove the entries whose messages are in the room's timeline, or have a seq up to its `head`. */
  removeStored(roomId, { messages, head }) {
    const own = messages.filter(({ userId }) => userId === this.userId); // a clientId is unique among one author's
    const shown = new Set(own.map((message) => message.clientId));
    for (const { clientId, message } of this.entries(roomId)) {
      if (shown.has(clientId) || (message && message.seq <= head)) this.remove(clientId);
    }
  }

  /** The connection closed: queue the entries in state `sending` again. The clientId prevents a second copy. */
  requeueSending() {
    for (const entry of this.#entries) {
      if (entry.state === "sending") this.setState(entry.clientId, "waiting");
    }
  }

  /** The server came back from a backup: what it had stored of the room since then is sent again. */
  requeueSent(roomId) {
    for (const { clientId, state } of this.entries(roomId)) {
      if (state === "sent") this.setState(clientId, "waiting");
    }
  }

  /** Put the entries of a closed page among those of this page by time; those of one page keep their order. */
  #takeOver(found) {
    const known = new Set(this.#entries.map((entry) => entry.clientId));
    const added = found.filter((entry) => !known.has(entry.clientId));
    this.#entries = interleaved(added, this.#entries);
    const isSaved = this.#save();
    for (const roomId of new Set(added.map((entry) => entry.roomId))) this.#emit("change", { roomId });
    return isSaved;
  }

  #saveAndEmit(roomId) {
    this.#save();
    this.#emit("change", { roomId });
  }

  #save() {
    const unsent = this.#entries.filter((entry) => entry.state !== "sent");
    const kept = unsent.map(({ message, state, error, ...entry }) => {
      const failed = state === "failed";
      return { ...entry, state: failed ? state : "waiting", error: failed ? error : null };
    });
    const isSaved = this.#stored.save(kept);
    if (isSaved !== this.isSaved) {
      this.isSaved = isSaved;
      this.#emit("saved", { isSaved });
    }
    return isSaved;
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Both lists as one, by `createdAt`, each in its own order, also where the clock was set back within it. */
function interleaved(one, other) {
  const [first, second] = [[...one], [...other]];
  const result = [];
  while (first.length > 0 && second.length > 0) {
    result.push(second[0].createdAt < first[0].createdAt ? second.shift() : first.shift());
  }
  return [...result, ...first, ...second];
}

/** The stored form of an error; of a validation error the text includes the first field. */
function errorSummary({ code, message, details, until }) {
  const [field] = Object.entries(details ?? {}).filter(() => code === "validation_failed");
  return { code, text: field ? `${message} (${field.join(" ")})` : message, until };
}

/** A random id of 22 characters (128 bits). crypto.randomUUID would need a secure context. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
