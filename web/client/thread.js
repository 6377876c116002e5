/**
 * The replies of one thread: loaded page by page from the oldest on, then live. Replies are ordinary messages of the
 * room, so their seqs have gaps. Knows nothing of sockets; Threads tells it what comes.
 */

import { Overlays } from "./overlays.js";

const PAGE = 50;
const RELOAD_PAGE = 100;
const RELOAD_PAGES_MAX = 10;
const REPLIES_MAX = 1000;
const CHANGED_MAX = 100;

/** @typedef {import("./types.js").Message} Message */

export class Thread {
  /** @type {Message[]} As they are to be shown, ascending, each once, in its newest version. */
  messages = [];
  count = 0; // of all replies, deleted ones too
  hasMore = false; // whether newer replies than `messages` are to be loaded
  isLoaded = false;
  isClosed = false;
  /** @type {import("./chat-error.js").ChatError | null} */
  loadError = null; // of the last load; `loadMore` tries again

  #root = null;
  #held = []; // the server's copies of `messages`
  #overlays = new Overlays();
  #changed = new Map(); // seq → the newest copy of a reply that is not loaded, in case a page on its way is older
  #loading = null;
  #isBehind = false; // whether a reply came that the page on its way may lack

  /** `api`: the client's MessageApi. `onChange()` is called when there is something new to show. */
  constructor({ rootId, roomId, root = null, api, onChange }) {
    this.rootId = rootId;
    this.roomId = roomId;
    this.#root = root;
    this.api = api;
    this.onChange = onChange;
  }

  /**
   * The message that the thread began with, as it is to be shown; null until it is loaded.
   * @returns {Message | null}
   */
  get root() {
    return this.#root && this.#overlays.shown(this.#root);
  }

  /** The server's copy of the root or a reply, or null. */
  find(messageId) {
    return [this.#root, ...this.#held].find((one) => one?.id === messageId) ?? null;
  }

  get isLoading() {
    return this.#loading !== null;
  }

  /** Load the next page of replies, unless a load is under way: then await that. Throws ChatError. */
  loadMore() {
    return this.#load(async () => {
      if (!this.#root) await this.#loadRoot();
      do {
        this.#isBehind = false;
        const page = await this.api.thread(this.rootId, { limit: PAGE, after: this.#held.at(-1)?.seq ?? 0 });
        this.#take(page);
      } while (this.#isBehind && !this.hasMore && !this.isClosed);
    });
  }

  /** Load again what is held: replies may have been missed, and changed. Throws ChatError. */
  reload({ isReset = false } = {}) {
    if (isReset) this.#forget();
    if (this.#held.length === 0) return this.loadMore();
    return this.#load(async () => {
      const last = this.#held.at(-1).seq;
      const hadMore = this.hasMore;
      await this.#loadRoot();
      let after = this.#held[0].seq - 1;
      let isComplete = false;
      for (let number = 0; number < RELOAD_PAGES_MAX && !isComplete && !this.isClosed; number += 1) {
        this.#isBehind = false;
        const page = await this.api.thread(this.rootId, { limit: RELOAD_PAGE, after });
        this.#take(page);
        after = page.messages.at(-1)?.seq ?? after;
        isComplete = (!page.hasMore && !this.#isBehind) || (hadMore && after >= last);
      }
    });
  }

  /** A new message of the thread. */
  receive(message) {
    if (message.seq <= (this.#held.at(-1)?.seq ?? 0)) return;
    this.count += 1;
    if (this.#loading) this.#isBehind = true;
    else if (this.isLoaded && !this.hasMore) return this.#hold([...this.#held, this.#newest(message)]);
    this.onChange();
  }

  /** A changed copy of the root or a reply, in any order. */
  change(message) {
    if (message.id === this.rootId) {
      this.#root = newer(message, this.#root ?? message);
      return this.onChange();
    }
    const index = this.#held.findIndex(({ seq }) => seq === message.seq);
    if (index === -1) return this.#keepForLater(message);
    if (newer(this.#held[index], message) !== message) return;
    this.#held[index] = message;
    this.#show();
  }

  /** As of a Timeline. */
  overlay(seq, change) {
    this.#overlays.add(seq, change);
    this.#show();
    return () => this.#overlays.remove(seq, change) && this.#show();
  }

  async #loadRoot() {
    const message = await this.api.get(this.rootId);
    this.#root = newer(message, this.#root ?? message); // what came meanwhile may be newer
  }

  #load(work) {
    this.#loading ??= work()
      .then(() => {
        this.loadError = null;
        this.isLoaded = true;
      })
      .catch((error) => {
        this.loadError = error;
        throw error;
      })
      .finally(() => {
        this.#loading = null;
        this.onChange();
      });
    return this.#loading;
  }

  /** Take a page that follows, or lies within, what is held. */
  #take({ messages, count, hasMore }) {
    const bySeq = new Map(this.#held.map((message) => [message.seq, message]));
    for (const message of messages) bySeq.set(message.seq, this.#newest(message, bySeq.get(message.seq)));
    const last = this.#held.at(-1)?.seq ?? 0;
    this.count = count;
    if (!hasMore || (messages.at(-1)?.seq ?? 0) >= last) this.hasMore = hasMore;
    this.#hold([...bySeq.values()].sort((one, other) => one.seq - other.seq));
  }

  #newest(message, held = message) {
    return newer(newer(message, held), this.#changed.get(message.seq) ?? message);
  }

  #keepForLater(message) {
    const known = this.#changed.get(message.seq);
    this.#changed.delete(message.seq); // so that the order is that of the changes
    this.#changed.set(message.seq, known ? newer(known, message) : message);
    if (this.#changed.size > CHANGED_MAX) this.#changed.delete(this.#changed.keys().next().value);
  }

  #forget() {
    this.#changed.clear();
    this.#overlays.clear();
    this.#root = null;
    this.isLoaded = false;
    this.#hold([]);
  }

  #hold(messages) {
    this.#held = messages.length > REPLIES_MAX ? messages.slice(-REPLIES_MAX) : messages;
    this.#show();
  }

  #show() {
    this.messages = this.#held.map((message) => this.#overlays.shown(message));
    this.onChange();
    return true;
  }
}

/** Of two copies of a message the newer; the first, if they are the same. */
function newer(one, other) {
  return other.rev > one.rev ? other : one;
}
