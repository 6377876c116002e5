/**
 * The threads that are open, a few at once, and how many replies the roots have. Replies are ordinary messages of their
 * rooms with a `threadId`: what comes of them comes from Rooms.
 */

import { Thread } from "./thread.js";

const OPEN_MAX = 4;
const COUNTS_MAX = 500;

/**
 * @typedef {object} ReplyCount
 * @property {number} count Of all replies where `isExact`, else at least.
 * @property {number} lastSeq Of the newest reply that is known; 0 if none is.
 * @property {boolean} isExact
 */

/** Events: `thread` (detail {messageId}: of the root). */
export class Threads extends EventTarget {
  #open = new Map(); // id of the root → thread, the latest opened last
  #known = new Map(); // id of the root → {roomId, count} of its replies by the server, and by what came since
  #counts = new Map(); // roomId → what `counts` returned, until its messages change

  /** `api`: the client's MessageApi. */
  constructor({ rooms, api }) {
    super();
    this.rooms = rooms;
    this.api = api;
    rooms.addEventListener("message", ({ detail }) => this.#onMessage(detail.message));
    rooms.addEventListener("changed", ({ detail }) => this.#onChanged(detail.message));
    rooms.addEventListener("messages", ({ detail }) => this.#counts.delete(detail.roomId));
    rooms.addEventListener("joined", ({ detail }) => this.#onJoined(detail));
    rooms.addEventListener("closed", ({ detail }) => this.#onClosed(detail));
  }

  /**
   * Open the thread of a message, which is its root or one of its replies, and load its first page; `loadMore` of it
   * awaits that. Of more than four the one that was opened first is closed.
   * @param {import("./types.js").Message} message
   */
  open(message) {
    const rootId = message.threadId ?? message.id;
    const known = this.#open.get(rootId);
    this.#open.delete(rootId);
    const thread = known ?? this.#make(rootId, message);
    this.#open.set(rootId, thread);
    if (this.#open.size > OPEN_MAX) this.close(this.#open.keys().next().value);
    const state = this.rooms.get(message.roomId);
    if (state && !state.isSubscribed && this.rooms.connection.isOnline) this.rooms.subscribe(state).catch(() => {});
    if (!thread.isLoaded) thread.loadMore().catch(() => {}); // `loadError` says it
    return thread;
  }

  /** The open thread of this root, or null. */
  get(messageId) {
    return this.#open.get(messageId) ?? null;
  }

  close(messageId) {
    const thread = this.#open.get(messageId);
    if (!thread) return;
    this.#open.delete(messageId);
    thread.isClosed = true;
  }

  /** Close all. */
  clear() {
    for (const messageId of [...this.#open.keys()]) this.close(messageId);
  }

  /**
   * How many replies the messages of a room have, by the id of the root, as far as is known without a request: exact
   * where the root is loaded and all that came after it, or the server was asked.
   * @param {string} roomId
   * @returns {Map<string, ReplyCount>}
   */
  counts(roomId) {
    const { timeline } = this.rooms.get(roomId) ?? {};
    if (!timeline) return new Map();
    if (!this.#counts.has(roomId)) this.#counts.set(roomId, this.#counted(timeline));
    return this.#counts.get(roomId);
  }

  /** Ask the server how many replies a root has. Throws ChatError. */
  async loadCount({ id, roomId }) {
    const { count } = await this.api.thread(id, { limit: 1 });
    this.#know(id, roomId, count);
    this.#emit(id);
    return count;
  }

  /** Show a message with these fields in all open threads that have it; see Rooms. Returns what ends that. */
  overlay({ id, threadId, seq }, change) {
    const thread = this.#open.get(threadId ?? id);
    return thread ? thread.overlay(seq, change) : () => false;
  }

  /** The server's copy of a message of an open thread, or null. */
  findMessage(messageId) {
    return [...this.#open.values()].map((thread) => thread.find(messageId)).find(Boolean) ?? null;
  }

  #make(rootId, message) {
    const { roomId } = message;
    const root = this.rooms.findMessage(rootId) ?? (message.threadId ? null : message);
    const onChange = () => this.#onThread(rootId, thread);
    const thread = new Thread({ rootId, roomId, root, api: this.api, onChange });
    return thread;
  }

  #onThread(rootId, thread) {
    if (thread.isClosed) return;
    if (thread.isLoaded) this.#know(rootId, thread.roomId, thread.count);
    this.#emit(rootId);
  }

  #onMessage(message) {
    const { threadId, roomId } = message;
    if (!threadId) return;
    const thread = this.#open.get(threadId);
    const known = this.#known.get(threadId);
    if (thread) thread.receive(message);
    else if (known) this.#know(threadId, roomId, known.count + 1);
  }

  #onChanged(message) {
    this.#open.get(message.threadId ?? message.id)?.change(message);
  }

  /** The room may have gone on while there was no connection. */
  #onJoined({ roomId, isReset }) {
    this.#forgetCounts(roomId);
    for (const thread of this.#open.values()) {
      if (thread.roomId === roomId) thread.reload({ isReset }).catch(() => {});
    }
  }

  #onClosed({ roomId }) {
    for (const [id, thread] of this.#open) if (thread.roomId === roomId) this.close(id);
    this.#forgetCounts(roomId);
  }

  #forgetCounts(roomId) {
    for (const [id, known] of this.#known) if (known.roomId === roomId) this.#known.delete(id);
    this.#counts.delete(roomId);
  }

  #counted(timeline) {
    const replies = timeline.held.filter(({ threadId }) => threadId);
    const loaded = new Set(timeline.held.map(({ id }) => id));
    /** @type {Map<string, ReplyCount>} */
    const counts = new Map();
    for (const { threadId, seq } of replies) {
      const { count } = counts.get(threadId) ?? { count: 0 };
      counts.set(threadId, { count: count + 1, lastSeq: seq, isExact: !timeline.isDetached && loaded.has(threadId) });
    }
    for (const id of loaded) {
      const known = this.#known.get(id)?.count ?? 0;
      const found = counts.get(id) ?? { count: 0, lastSeq: 0, isExact: false };
      if (known > 0 && !found.isExact) counts.set(id, { ...found, count: Math.max(known, found.count), isExact: true });
    }
    return counts;
  }

  #know(rootId, roomId, count) {
    this.#counts.delete(roomId);
    this.#known.delete(rootId);
    this.#known.set(rootId, { roomId, count });
    if (this.#known.size > COUNTS_MAX) this.#known.delete(this.#known.keys().next().value);
  }

  #emit(messageId) {
    this.dispatchEvent(new CustomEvent("thread", { detail: { messageId } }));
  }
}
