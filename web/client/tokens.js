/**
 * Whose session this is: the token pair, kept in storage that all tabs share, and its renewal.
 * Refresh tokens work once, so tabs take turns (Web Locks where there are any) and look at storage before they ask.
 */

import { ChatError } from "./api.js";
import { renewalMarginMs } from "./retry.js";

const KEY = "chat.session";

/** Storage that forgets with the page: for browsers that refuse localStorage, and for Node. */
export function memoryStorage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, String(value)),
    removeItem: (key) => void items.delete(key),
    keys: () => [...items.keys()],
  };
}

/**
 * Events: `renewed` (new tokens, also from another tab), `ended` (logged out, revoked, or logged out in another tab),
 * `changed` (another tab logged in as somebody else).
 */
export class Tokens extends EventTarget {
  #refreshing = null;

  /** `refresh(refreshToken)` asks the server for the next pair; `locks` is navigator.locks or null. */
  constructor({ storage, refresh, locks = null, now = Date.now }) {
    super();
    this.storage = storage;
    this.refresh = refresh;
    this.locks = locks;
    this.now = now;
  }

  /** `{user, accessToken, refreshToken, expiresAt, lifetimeMs}` (epoch ms), or null. */
  read() {
    try {
      return JSON.parse(this.storage.getItem(KEY));
    } catch {
      return null;
    }
  }

  /** Keep what register, login or refresh replied. */
  adopt({ user, accessToken, refreshToken, expiresIn }) {
    const lifetimeMs = expiresIn * 1000;
    const session = { user, accessToken, refreshToken, lifetimeMs, expiresAt: this.now() + lifetimeMs };
    this.storage.setItem(KEY, JSON.stringify(session));
    this.dispatchEvent(new Event("renewed"));
    return session;
  }

  /** Forget the session. */
  clear() {
    if (this.storage.getItem(KEY) === null) return;
    this.storage.removeItem(KEY);
    this.dispatchEvent(new Event("ended"));
  }

  /** Ms until the token should be renewed, 0 if it is due. */
  dueInMs() {
    const session = this.read();
    if (!session) return 0;
    return Math.max(0, session.expiresAt - renewalMarginMs(session.lifetimeMs) - this.now());
  }

  /**
   * An access token that should be good. `refused`: one that the server just refused. `renew`: also replace one that
   * is due soon. Throws ChatError: unauthorized (log in again), network and other retryable ones (nothing has
   * changed).
   */
  async fresh({ refused = null, renew = false } = {}) {
    const good = this.#good(refused, renew);
    if (good) return good;
    this.#refreshing ??= this.#takeTurn(() => this.#good(refused, renew) ?? this.#replace()).finally(() => {
      this.#refreshing = null;
    });
    return await this.#refreshing;
  }

  /** Another tab wrote to storage; `user` is whom this page shows. */
  storageChanged(key, userId) {
    if (key !== KEY && key !== null) return;
    const session = this.read();
    if (!session) this.dispatchEvent(new Event("ended"));
    else if (session.user.id !== userId) this.dispatchEvent(new Event("changed"));
    else this.dispatchEvent(new Event("renewed"));
  }

  #good(refused, renew) {
    const session = this.read();
    if (!session) throw ended();
    const ends = renew ? session.expiresAt - renewalMarginMs(session.lifetimeMs) : session.expiresAt;
    return session.accessToken !== refused && ends > this.now() ? session.accessToken : null;
  }

  async #takeTurn(work) {
    return this.locks ? await this.locks.request(`${KEY}.refresh`, work) : await work();
  }

  async #replace() {
    const { refreshToken } = this.read();
    try {
      return this.adopt(await this.refresh(refreshToken)).accessToken;
    } catch (error) {
      if (error.status !== 401) throw error;
      const other = this.read();
      if (other && other.refreshToken !== refreshToken) return other.accessToken; // another tab was faster
      this.clear();
      throw ended();
    }
  }
}

function ended() {
  return new ChatError({ code: "unauthorized", message: "Your session has ended. Please log in again.", status: 401 });
}
