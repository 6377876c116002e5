/**
 * A text for each user in one IndexedDB. Where the browser refuses it, where it is full, blocked or broken, nothing is
 * stored, and nobody is told: what it holds is only what the server has.
 */

const STORE = "snapshots";

export class LastSeenStore {
  #name;
  #factory;
  #opening = null; // the promise of the database

  /** `name`: of the database; each server has its own. */
  constructor({ name, factory = indexedDBOrNull() }) {
    this.#name = name;
    this.#factory = factory;
  }

  /** The user's text, or null. Those of all others are deleted: their session ended while no page saw it. */
  read(userId) {
    return this.#run((store) => {
      store.delete(IDBKeyRange.upperBound(userId, true));
      store.delete(IDBKeyRange.lowerBound(userId, true));
      return store.get(userId);
    });
  }

  write(userId, text) {
    return this.#run((store) => store.put(text, userId));
  }

  remove(userId) {
    return this.#run((store) => store.delete(userId));
  }

  clear() {
    return this.#run((store) => store.clear());
  }

  /** The result of the request that `ask` makes, once all is stored; null if it is not. */
  async #run(ask) {
    try {
      const database = await (this.#opening ??= this.#open());
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, "readwrite", { durability: "relaxed" });
        const request = ask(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(request.result ?? null);
        transaction.onabort = () => reject(transaction.error);
      });
    } catch {
      return null;
    }
  }

  #open() {
    const opening = new Promise((resolve, reject) => {
      const request = this.#factory.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = () => this.#forget(opening);
        database.onversionchange = () => {
          database.close();
          this.#forget(opening);
        };
        resolve(database);
      };
    });
    opening.catch(() => this.#forget(opening)); // the next call tries again
    return opening;
  }

  #forget(opening) {
    if (this.#opening === opening) this.#opening = null;
  }
}

function indexedDBOrNull() {
  try {
    return globalThis.indexedDB ?? null; // some browsers throw where storage is forbidden
  } catch {
    return null;
  }
}
