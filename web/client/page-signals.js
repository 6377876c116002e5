/** What a browser tells a page of the world around it. In Node there is nothing to hear. */

/**
 * Until `signal` is aborted: `onStorage(key)` when another tab has changed the storage (null: all of it), `onVisible()`
 * when the user is back, `onNetwork(isThere)` when the browser finds that there is a network, or none.
 */
export function listenToPage({ signal, onStorage, onVisible, onNetwork }) {
  const { window, document } = globalThis;
  const seen = () => document.visibilityState === "visible" && onVisible();
  window?.addEventListener("storage", ({ key }) => onStorage(key), { signal });
  window?.addEventListener("online", () => onNetwork(true), { signal });
  window?.addEventListener("offline", () => onNetwork(false), { signal });
  document?.addEventListener("visibilitychange", seen, { signal });
}

/** Whether the browser says that there is no network. */
export function isWithoutNetwork() {
  return globalThis.window?.navigator?.onLine === false;
}
