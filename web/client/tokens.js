/**
 * The session: its user and token pair, in storage that all tabs share, and the renewal of the tokens.
 * A refresh token works once, so a tab takes a lock (Web Locks where they exist) and reads the storage first.
 */

import { ChatError } from "./api.js";

const KEY = "chat.session";

/**
 * Events: `renewed` (new tokens, also by another tab), `ended` (logged out here or in another tab, or revoked),
 * `changed` (another tab logged in as another user).
 */
export class Tokens extends EventTarget {
  #refreshing = null;

  /** `refresh(refreshToken)` requests the next pair from the server; `locks` is navigator.locks or null. */
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

  /** Store the reply of register, login or refresh. */
  adopt({ user, accessToken, refreshToken, expiresIn }) {
    const lifetimeMs = expiresIn * 1000;
    const session = { user, accessToken, refreshToken, lifetimeMs, expiresAt: this.now() + lifetimeMs };
    this.storage.setItem(KEY, JSON.stringify(session));
    this.dispatchEvent(new Event("renewed"));
    return session;
  }

  /** Delete the session. */
  clear() {
    if (this.storage.getItem(KEY) === null) return;
    this.storage.removeItem(KEY);
    this.dispatchEvent(new Event("ended"));
  }

  /** Ms until the token should be renewed, 0 if it is due. */
  renewalDueInMs() {
    const session = this.read();
    if (!session) return 0;
    return Math.max(0, session.expiresAt - renewalMarginMs(session.lifetimeMs) - this.now());
  }

  /**
   * An access token that has not expired, refreshed if necessary. `refused`: a token that the server refused. `renew`:
   * also refresh a token that is due for renewal. Throws ChatError: `unauthorized` (the user must log in again), or
   * `network` and other retryable errors (the session is unchanged).
   */
  async getAccessToken({ refused = null, renew = false } = {}) {
    const valid = this.#validToken(refused, renew);
    if (valid) return valid;
    this.#refreshing ??= this.#withLock(() => this.#validToken(refused, renew) ?? this.#renew()).finally(() => {
      this.#refreshing = null;
    });
    return await this.#refreshing;
  }

  /** Called for a storage event, which another tab caused; `userId` is the user of this page. */
  storageChanged(key, userId) {
    if (key !== KEY && key !== null) return;
    const session = this.read();
    if (!session) this.dispatchEvent(new Event("ended"));
    else if (session.user.id !== userId) this.dispatchEvent(new Event("changed"));
    else this.dispatchEvent(new Event("renewed"));
  }

  #validToken(refused, renew) {
    const session = this.read();
    if (!session) throw sessionEnded();
    const validUntil = renew ? session.expiresAt - renewalMarginMs(session.lifetimeMs) : session.expiresAt;
    return session.accessToken !== refused && validUntil > this.now() ? session.accessToken : null;
  }

  async #withLock(work) {
    return this.locks ? await this.locks.request(`${KEY}.refresh`, work) : await work();
  }

  async #renew() {
    const { refreshToken } = this.read();
    try {
      return this.adopt(await this.refresh(refreshToken)).accessToken;
    } catch (error) {
      if (error.status !== 401) throw error;
      const other = this.read();
      if (other && other.refreshToken !== refreshToken) return other.accessToken; // another tab has refreshed
      this.clear();
      throw sessionEnded();
    }
  }
}

function sessionEnded() {
  return new ChatError({ code: "unauthorized", message: "Your session has ended. Please log in again.", status: 401 });
}

/**
 * How many ms before its expiry a token with this lifetime is renewed: at least two minutes, because browsers throttle
 * timers, but at most half of the lifetime.
 */
export function renewalMarginMs(lifetimeMs) {
  return Math.min(lifetimeMs / 2, Math.max(120_000, lifetimeMs / 5));
}
