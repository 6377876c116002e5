/**
 * What was written and is not stored by the server yet: per user, bounded, in storage, so that it survives a reload.
 * Each page keeps its own part under its own key and a lock; the part of a page that is gone is taken over by one that
 * lives.
 */

import { ChatError } from "./api.js";
import { makeId } from "./retry.js";

/**
 * An entry: `{clientId, roomId, content, mentions, createdAt (epoch ms), state, error}`; state: waiting, sending,
 * sent, failed.
 */
export class Outbox extends EventTarget {
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

  /** Own this page's part, and take over the parts of pages that are gone, now or later. */
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
      // Granted when the page that holds it is gone: at once after a reload.
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
    this.#changed(roomId);
    return entry;
  }

  /** The room's next entry to send: the first that neither failed nor was sent; null while one is under way. */
  next(roomId) {
    const open = this.entries(roomId).filter((entry) => entry.state === "waiting" || entry.state === "sending");
    return open[0]?.state === "waiting" ? open[0] : null;
  }

  /** Change an entry's state: `sending`; `waiting` or `failed` with the error; `sent` with the stored message. */
  mark(clientId, state, { error = null, message = null } = {}) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (!entry) return;
    Object.assign(entry, { state, message, error: error && told(error) });
    this.#changed(entry.roomId);
  }

  /** A failed one is to be sent once more, as the newest. */
  retry(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId && one.state === "failed");
    if (!entry) return;
    this.#entries = [...this.#entries.filter((one) => one !== entry), entry];
    this.mark(clientId, "waiting");
  }

  remove(clientId) {
    const entry = this.#entries.find((one) => one.clientId === clientId);
    if (!entry) return;
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#changed(entry.roomId);
  }

  /** The room shows the author's messages up to `timeline.head`: those need not be shown as unsent any more. */
  settle(roomId, { messages, head }) {
    const shown = new Set(messages.map((message) => message.clientId));
    for (const { clientId, message } of this.entries(roomId)) {
      if (shown.has(clientId) || (message && message.seq <= head)) this.remove(clientId);
    }
  }

  /** The link is gone: what was under way may or may not have been stored, and is sent again under its clientId. */
  rewind() {
    for (const entry of this.#entries) {
      if (entry.state === "sending") this.mark(entry.clientId, "waiting");
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
    for (const roomId of new Set(found.map((entry) => entry.roomId))) this.#changed(roomId);
    // After ours is written: a crash in between doubles an entry, and its clientId makes that harmless
    this.storage.removeItem(key);
  }

  #changed(roomId) {
    try {
      this.#save();
    } catch {
      // The storage is full or forbidden: what is unsent then lives as long as the page.
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

/** What is kept of an error: for one about fields, also what is wrong with the first of them. */
function told({ code, message, details, until }) {
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
