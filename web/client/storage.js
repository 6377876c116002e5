/** Where a client keeps its session and its unsent messages. */

/** The browser's localStorage; null where the browser refuses it, and in Node. */
export function persistentStorage() {
  try {
    globalThis.localStorage.getItem("");
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

/** The browser's localStorage; where the browser refuses it, storage in memory. */
export function browserStorage() {
  return persistentStorage() ?? memoryStorage();
}

/** Storage that lives as long as the page: for browsers that refuse localStorage, and for Node. */
export function memoryStorage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, String(value)),
    removeItem: (key) => void items.delete(key),
    keys: () => [...items.keys()],
  };
}
