/** What a browser tells a page of the world around it. In Node there is nothing to hear. */

/**
 * Until `signal` is aborted: `onStorage(key)` when another tab has changed the storage (null: all of it), `onWake()`
 * when the network or the user is back.
 */
export function listenToPage({ signal, onStorage, onWake }) {
  const { window, document } = globalThis;
  const onVisible = () => document.visibilityState === "visible" && onWake();
  window?.addEventListener("storage", ({ key }) => onStorage(key), { signal });
  window?.addEventListener("online", onWake, { signal });
  document?.addEventListener("visibilitychange", onVisible, { signal });
}
