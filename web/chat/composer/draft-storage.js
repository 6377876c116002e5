/**
 * Keeps drafts in the browser's storage, so that they outlive a reload: each under a key of its own, since two tabs may
 * write in two rooms at once. Where the storage is full or refused they live as long as the page. Knows no page.
 */

/** How many are kept, the newest. */
export const DRAFTS_MAX = 50;

export class DraftStorage {
  #storage;
  #start; // of the keys
  #max;
  #now;
  #unstored = new Map(); // key → value that the storage did not take

  /** `storage`: like localStorage, or with keys(). `prefix`: of the server's keys in it. */
  constructor({ storage, prefix, max = DRAFTS_MAX, now = Date.now }) {
    this.#storage = storage;
    this.#start = `${prefix}draft.`;
    this.#max = max;
    this.#now = now;
  }

  /** What a user has written at a place, or null. `place`: any string. */
  read(userId, place) {
    const key = this.#keyOf(userId, place);
    return this.#unstored.get(key) ?? this.#parsed(key);
  }

  /** Keep `value`, an object for JSON; null removes what is kept. */
  write(userId, place, value) {
    const key = this.#keyOf(userId, place);
    this.#unstored.delete(key);
    if (value === null) return this.#remove(key);
    const kept = { ...value, at: this.#now() };
    try {
      const isNew = this.#storage.getItem(key) === null;
      this.#storage.setItem(key, JSON.stringify(kept));
      if (isNew) this.#dropOldest();
    } catch {
      this.#unstored.set(key, kept);
      if (this.#unstored.size > this.#max) this.#unstored.delete(this.#unstored.keys().next().value);
    }
  }

  /** Remove all drafts, of every user. */
  clear() {
    this.#unstored.clear();
    for (const key of this.#keys) this.#remove(key);
  }

  /** Remove the drafts of all other users: their session may have ended while no page was open. */
  keepOnly(userId) {
    const own = this.#keyOf(userId, "");
    for (const key of [...this.#keys, ...this.#unstored.keys()]) if (!key.startsWith(own)) this.#remove(key);
  }

  /** The place that a key of the storage is of, or null if it is none of this user's drafts. */
  placeOf(key, userId) {
    const own = this.#keyOf(userId, "");
    return key?.startsWith(own) ? key.slice(own.length) : null;
  }

  #keyOf(userId, place) {
    return `${this.#start}${userId}/${place}`; // an id has no slash
  }

  get #keys() {
    try {
      const storage = this.#storage;
      const all = storage.keys?.() ?? Array.from({ length: storage.length }, (_, index) => storage.key(index));
      return all.filter((key) => key?.startsWith(this.#start));
    } catch {
      return [];
    }
  }

  #parsed(key) {
    try {
      return JSON.parse(this.#storage.getItem(key));
    } catch {
      return null;
    }
  }

  #dropOldest() {
    const keys = this.#keys;
    if (keys.length <= this.#max) return;
    const byAge = keys.map((key) => ({ key, at: this.#parsed(key)?.at ?? 0 })).sort((one, other) => one.at - other.at);
    for (const { key } of byAge.slice(0, keys.length - this.#max)) this.#remove(key);
  }

  #remove(key) {
    this.#unstored.delete(key);
    try {
      this.#storage.removeItem(key);
    } catch {
      // The browser refuses its storage: nothing is in it.
    }
  }
}
