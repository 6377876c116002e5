/** Lets the browser keep the page's files (service-worker.js), once the page itself has come. */

const IDLE_WITHIN_MS = 5000;

export class OfflineShell {
  #container;
  #url;
  #closing = new AbortController();

  /** Where there are no service workers (plain http, a private window), nothing is kept. */
  constructor({ container = navigator.serviceWorker, url = "service-worker.js" } = {}) {
    this.#container = container;
    this.#url = url;
  }

  /** Begin when the page is loaded and has nothing to do: what it needs now comes first. */
  async start() {
    if (!this.#container) return;
    const { signal } = this.#closing;
    if (document.readyState !== "complete") {
      await new Promise((resolve) => addEventListener("load", resolve, { once: true, signal }));
    }
    await new Promise((resolve) => idle(resolve));
    if (signal.aborted) return;
    try {
      const registration = await this.#container.register(this.#url);
      if (!signal.aborted) this.#follow(registration);
    } catch {
      // The browser or the user refuses it, or the server is being restarted: the next load tries again.
    }
  }

  close() {
    this.#closing.abort();
  }

  #follow(registration) {
    const { signal } = this.#closing;
    offer(registration);
    const onFound = () => {
      registration.installing?.addEventListener("statechange", () => offer(registration), { signal });
    };
    onFound();
    registration.addEventListener("updatefound", onFound, { signal });
  }
}

/** Let the next version of the worker begin, which does so if this page is the only one, and of that version. */
function offer(registration) {
  const entry = /** @type {HTMLScriptElement | null} */ (document.querySelector('script[type="module"][src]'));
  registration.waiting?.postMessage({ type: "takeOver", entry: entry?.src });
}

function idle(work) {
  if (globalThis.requestIdleCallback) requestIdleCallback(work, { timeout: IDLE_WITHIN_MS });
  else setTimeout(work, 0);
}
