/**
 * The session: its user and token pair, in storage that all tabs share, and the renewal of the tokens.
 * A refresh token works once, so a tab takes a lock (Web Locks where they exist) and reads the storage first.
 */

import { ChatError, isUnauthorized } from "./chat-error.js";

const LOCK_WITHIN_MS = 25_000; // longer than a request may take: whoever holds the lock then is a page that sleeps

/**
 * Events: `renewed` (new tokens, also by another tab), `ended` (logged out here or in another tab, or revoked),
 * `changed` (another tab logged in as another user).
 */
export class Tokens extends EventTarget {
  #refreshing = null;
  #unstored = null; // a session that the storage did not take whole: {session, text: what the storage has instead}

  /** `refresh(refreshToken)` requests the next pair from the server; `locks` is navigator.locks or null. */
  constructor({ storage, refresh, prefix = "chat.", locks = null, now = Date.now }) {
    super();
    this.storage = storage;
    this.refresh = refresh;
    this.key = `${prefix}session`;
    this.locks = locks;
    this.now = now;
  }

  /** `{user, accessToken, refreshToken, expiresAt, lifetimeMs}` (epoch ms), or null. */
  read() {
    const text = this.#storedText();
    if (this.#unstored?.text === text) return this.#unstored.session;
    this.#unstored = null; // another tab has written since
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  /** Store the reply of register, login or refresh. */
  adopt({ user, accessToken, refreshToken, expiresIn }) {
    const lifetimeMs = expiresIn * 1000;
    const session = { user, accessToken, refreshToken, lifetimeMs, expiresAt: this.now() + lifetimeMs };
    this.#write(session);
    this.dispatchEvent(new Event("renewed"));
    return session;
  }

  /** Delete the session. Another client of this page may have done so: no event tells this one of that. */
  clear() {
    this.#unstored = null;
    try {
      this.storage.removeItem(this.key);
    } catch {
      this.#unstored = { session: null, text: this.#storedText() };
    }
    this.dispatchEvent(new Event("ended"));
  }

  #storedText() {
    try {
      return this.storage.getItem(this.key);
    } catch {
      return null;
    }
  }

  /**
   * A full storage must not end the session, here or in the other tabs, whose refresh token is used up: the least that
   * they need is stored, which is shorter than what is there. This page keeps the rest in memory.
   */
  #write(session) {
    this.#unstored = null;
    const { id, username } = session.user;
    const least = { user: { id, username }, refreshToken: session.refreshToken, lifetimeMs: 0, expiresAt: 0 };
    for (const one of [session, least]) {
      try {
        this.storage.setItem(this.key, JSON.stringify(one));
        if (one === session) return;
        break;
      } catch {
        // The next one is shorter; after it the session lives as long as the page.
      }
    }
    this.#unstored = { session, text: this.#storedText() };
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
    if (key !== this.key && key !== null) return;
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

  /** Do the work while no other page does it, as far as the browser gives locks. */
  async #withLock(work) {
    if (!this.locks) return await work();
    let isHeld = false;
    const held = () => {
      isHeld = true;
      return work();
    };
    try {
      return await this.locks.request(`${this.key}.refresh`, { signal: AbortSignal.timeout(LOCK_WITHIN_MS) }, held);
    } catch (error) {
      if (isHeld) throw error;
      return await work(); // two tabs that refresh at once get the same pair from the server
    }
  }

  async #renew() {
    const { refreshToken } = this.read();
    let reply;
    try {
      reply = await this.refresh(refreshToken);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      const other = this.read();
      if (other && other.refreshToken !== refreshToken) return this.#validToken(null, false) ?? this.#renew();
      this.clear();
      throw sessionEnded();
    }
    const other = this.read();
    if (!other) throw sessionEnded(); // the user has logged out meanwhile
    const isOther = other.user.id !== reply.user.id;
    if (isOther) throw new ChatError({ code: "unauthorized", message: "Another user has logged in." });
    return this.adopt(reply).accessToken;
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
