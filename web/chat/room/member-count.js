/**
 * Keeps the number of a room's members right: no event tells of a new member, but that somebody is online who was not
 * before, which a new member is.
 */

const SOON_MS = 1000; // several may come at once
const AGAIN_MS = 30_000; // each is a request that the server counts, and most who come online are members already
const SEEN_MAX = 1000;

export class MemberCount {
  #page;
  #roomId;
  #seen = null; // ids of those who were online, once they are known
  #timer = null;
  #readAt = -Infinity;

  constructor({ page, roomId }) {
    this.#page = page;
    this.#roomId = roomId;
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** Who is online may have changed. */
  look() {
    const online = this.#page.chat.presence?.of(this.#roomId)?.online;
    if (!online) return;
    const isFirst = this.#seen === null;
    this.#seen ??= new Set();
    const before = this.#seen.size;
    for (const userId of online.keys()) this.#seen.add(userId);
    if (isFirst || this.#seen.size === before) return;
    if (this.#seen.size > SEEN_MAX) this.#seen = new Set(online.keys());
    const wait = Math.max(SOON_MS, this.#readAt + AGAIN_MS - performance.now());
    this.#timer ??= setTimeout(() => this.#read(), wait);
  }

  #read() {
    this.#timer = null;
    this.#readAt = performance.now();
    if (document.visibilityState !== "visible") return;
    this.#page.chat.refreshRoom(this.#roomId).catch(() => {}); // the list of rooms, which is read now and then, tells it
  }
}
