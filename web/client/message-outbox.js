/**
 * The messages that the server has not stored yet: per user, bounded, kept in storage so that they survive a reload.
 * Each open page stores its entries under a key of its own and holds a lock of that name. When a page is closed,
 * another page takes its entries over.
 */

import { ChatError } from "./api.js";

/**
 * An entry: `{clientId, roomId, content, mentions, createdAt (epoch ms), state, error}`; `state`: waiting, sending,
 * sent, failed. Events: `change` (detail {roomId}).
 */
export class MessageOutbox extends EventTarget {
  #entries = [];

  constructor({ storage, locks = null, userId, max = 100, now = Date.now }) {
    super();
    this.storage = storage;
    this.locks = locks;
    this.max = max;
    this.now = now;
    this.prefix = `chat.outbox.${userId}.`;
    this.key = this.prefix + makeId();
    this.closing = new AbortController();
  }

  /** Lock this page's key, and take over the entries of closed pages, also of those that close later. */
  async open() {
    if (!this.locks) {
      for (const key of this.#otherKeys()) this.#takeOver(key);
      return;
    }
    const signal = this.closing.signal;
    const closed = new Promise((resolve) => signal.addEventListener("abort", resolve));
    await new Promise((resolve) => {
      void this.locks.request(this.key, () => {
        resolve();
        return closed;
      });
    });
    for (const key of this.#otherKeys()) {
      // The lock is granted when the page that holds it is closed; after a reload that is at once.
      this.locks.request(key, { signal }, () => this.#takeOver(key)).catch(() => {});
    }
  }

  close() {
    this.closing.abort();
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

  /** Throws ChatError `outbox_full`. */
  add({ roomId, content, mentions = [] }) {
    if (this.#entries.length >= this.max) {
      throw new ChatError({ code: "outbox_full", message: "Too many messages are waiting to be sent." });
    }
    const entry = {
      clientId: makeId(),
      roomId,
      content,
      mentions,
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
    const open = this.entries(roomId).filter((entry) => entry.state === "waiting" || entry.state === "sending");
    return open[0]?.state === "waiting" ? open[0] : null;
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

  /** Mark as failed the messages to rooms that `isMember(roomId)` denies; returns those that were not failed before. */
  failUndeliverable(isMember) {
    const error = { code: "not_member", message: "You are no longer in this room." };
    const entries = this.#entries.filter(({ roomId, state }) => state !== "failed" && !isMember(roomId));
    for (const { clientId } of entries) this.setState(clientId, "failed", { error });
    return entries;
  }

  remove(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (!entry) return;
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#saveAndEmit(entry.roomId);
  }

  /** Remove the entries whose messages are in the room's timeline, or have a seq up to its `head`. */
  removeStored(roomId, { messages, head }) {
    const shown = new Set(messages.map((message) => message.clientId));
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

  #otherKeys() {
    return storedKeys(this.storage).filter((key) => key.startsWith(this.prefix) && key !== this.key);
  }

  #takeOver(key) {
    const known = new Set(this.#entries.map((entry) => entry.clientId));
    const found = parsed(this.storage.getItem(key)).filter((entry) => !known.has(entry.clientId));
    const room = Math.max(0, this.max - this.#entries.length);
    this.#entries = [...found.slice(0, room), ...this.#entries].sort((one, other) => one.createdAt - other.createdAt);
    for (const roomId of new Set(found.map((entry) => entry.roomId))) this.#saveAndEmit(roomId);
    // Removed after the entries were saved: a crash in between duplicates an entry, which its clientId makes harmless.
    this.storage.removeItem(key);
  }

  #saveAndEmit(roomId) {
    try {
      this.#save();
    } catch {
      // The storage is full or refused: the entries are lost when the page is closed.
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { roomId } }));
  }

  #save() {
    const unsent = this.#entries.filter((entry) => entry.state !== "sent");
    if (unsent.length === 0) this.storage.removeItem(this.key);
    else {
      const kept = unsent.map(({ message, state, error, ...entry }) => {
        const failed = state === "failed";
        return { ...entry, state: failed ? state : "waiting", error: failed ? error : null };
      });
      this.storage.setItem(this.key, JSON.stringify(kept));
    }
  }
}

/** The stored form of an error; of a validation error the text includes the first field. */
function errorSummary({ code, message, details, until }) {
  const [field] = Object.entries(details ?? {}).filter(() => code === "validation_failed");
  return { code, text: field ? `${message} (${field.join(" ")})` : message, until };
}

function storedKeys(storage) {
  if (storage.keys) return storage.keys();
  return Array.from({ length: storage.length }, (_, index) => storage.key(index));
}

function parsed(text) {
  try {
    const entries = JSON.parse(text);
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}

/** A random id of 22 characters (128 bits). crypto.randomUUID would need a secure context. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
