/**
 * Where the outbox of a page is stored, and what closed pages left there. Each page has a key of its own and, where
 * there are Web Locks, holds a lock of that name: the lock of another page's key is granted when that page is closed.
 */

export class OutboxStorage {
  #leftovers = new Set(); // keys whose entries this page has taken over and could not store yet
  #closing = new AbortController();

  /** `prefixes` are of all keys of the user, `key` of this page alone. `locks` is navigator.locks or null. */
  constructor({ storage, locks, prefixes, key }) {
    this.storage = storage;
    this.locks = locks;
    this.prefixes = prefixes;
    this.key = key;
  }

  /**
   * Lock this page's key, then find the entries of closed pages, also of those that close later. `onFound(entries)`
   * returns whether they are stored under this page's key; until they are, the other page's key keeps them.
   */
  async open(onFound) {
    const isLocked = this.locks !== null && (await this.#lock());
    for (const key of this.#otherKeys()) {
      if (!isLocked) this.#takeOver(key, onFound);
      else
        this.locks.request(key, { signal: this.#closing.signal }, () => this.#takeOver(key, onFound)).catch(() => {});
    }
  }

  /** Release the locks: another page may take over what is stored. */
  close() {
    this.#closing.abort();
  }

  /** Remove all that is stored of the user: of pages that are open once they are closed. For good. */
  discard() {
    this.#leftovers.clear();
    this.#remove(this.key);
    this.close(); // so that nothing is taken over any more
    for (const key of this.#otherKeys()) {
      const remove = () => this.#remove(key);
      if (this.locks) this.locks.request(key, remove).catch(remove);
      else remove();
    }
  }

  /** Store the entries; false if the storage is full or refuses. */
  save(entries) {
    try {
      if (entries.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(entries));
    } catch {
      return false;
    }
    for (const key of this.#leftovers) this.#remove(key);
    this.#leftovers.clear();
    return true;
  }

  /** False where the browser refuses locks, as it does to frames of opaque origin. */
  async #lock() {
    const closed = new Promise((resolve) => this.#closing.signal.addEventListener("abort", resolve));
    return await new Promise((resolve) => {
      const held = async () => this.locks.request(this.key, () => (resolve(true), closed));
      held().catch(() => resolve(false));
    });
  }

  #takeOver(key, onFound) {
    // A crash between the two steps duplicates the entries, which their clientIds make harmless.
    if (onFound(parsed(this.#read(key)))) this.#remove(key);
    else this.#leftovers.add(key);
  }

  #otherKeys() {
    try {
      return storedKeys(this.storage).filter((key) => key !== this.key && this.#isOfTheUser(key));
    } catch {
      return [];
    }
  }

  #isOfTheUser(key) {
    return this.prefixes.some((prefix) => key.startsWith(prefix));
  }

  #read(key) {
    try {
      return this.storage.getItem(key);
    } catch {
      return null;
    }
  }

  #remove(key) {
    try {
      this.storage.removeItem(key);
    } catch {
      // The next page takes the entries over once more.
    }
  }
}

function storedKeys(storage) {
  if (storage.keys) return storage.keys();
  return Array.from({ length: storage.length }, (_, index) => storage.key(index));
}

/** What is no entry was written by another program and is dropped. */
function parsed(text) {
  try {
    const entries = JSON.parse(text);
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry) {
  return ["clientId", "roomId", "content"].every((name) => typeof entry?.[name] === "string");
}
