/**
 * The half of ChatClient that registers, logs in and out, and has the parts of the session. It knows nothing of what is
 * done with them.
 */

import { endpoint, request } from "./api-request.js";
import { Api } from "./api.js";
import { ChatError } from "./chat-error.js";
import { withDefaults } from "./client-options.js";
import { ChatSession } from "./chat-session.js";
import { isWithoutNetwork, listenToPage } from "./page-signals.js";
import { Tokens } from "./tokens.js";

/** The events of a session, which the client passes on; `ended` is its own. */
export const SESSION_EVENTS = [
  ...["state", "list", "messages", "message", "truncated", "reset", "closed", "people", "typing"],
  ...["mention", "thread", "outbox", "saved", "undeliverable", "user", "settings", "blocks"],
];

const NOBODY = Object.freeze(new Set());

export class SessionClient extends EventTarget {
  #session = null; // null while nobody is logged in
  #options;
  #closing = new AbortController();

  /**
   * In a browser no option is needed. Throws TypeError if one is missing.
   * @param {import("./client-options.js").ClientOptions} [options]
   */
  constructor(options = {}) {
    super();
    this.#options = withDefaults(options);
    const { baseUrl, fetch, XMLHttpRequest, storage, storagePrefixes, locks, now } = this.#options;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    this.tokens = new Tokens({ storage, prefix: storagePrefixes[0], locks, now, refresh });
    this.api = new Api({ baseUrl, fetch, XMLHttpRequest, tokens: this.tokens });
    this.tokens.addEventListener("ended", () => this.#stop("ended"));
    this.tokens.addEventListener("changed", () => this.#stop("changed"));
    listenToPage({
      signal: this.#closing.signal,
      onStorage: (key) => this.user && this.tokens.storageChanged(key, this.user.id),
      onVisible: () => this.connection?.wake(),
      onNetwork: (isThere) => (isThere ? this.connection?.networkFound() : this.connection?.networkLost()),
    });
  }

  /**
   * The user's own profile, or null.
   * @returns {import("./types.js").User | null}
   */
  get user() {
    return this.#session?.user ?? null;
  }

  // The parts of the session are null while nobody is logged in.

  get connection() {
    return this.#session?.connection ?? null;
  }

  get rooms() {
    return this.#session?.rooms ?? null;
  }

  get threads() {
    return this.#session?.threads ?? null;
  }

  get presence() {
    return this.#session?.presence ?? null;
  }

  get outbox() {
    return this.#session?.outbox ?? null;
  }

  get settings() {
    return this.#session?.settings ?? null;
  }

  /**
   * The ids of those whom the user has blocked: another Set after each change.
   * @returns {ReadonlySet<string>}
   */
  get blocks() {
    return this.#session?.blocks.userIds ?? NOBODY;
  }

  /** The same as `connection`: its name in earlier versions. */
  get link() {
    return this.connection;
  }

  /** What the names begin with under which this server's client stores: a page's own may, too. */
  get storagePrefix() {
    return this.#options.storagePrefixes[0];
  }

  /** Whether unsent messages survive a reload: false where the storage is full, or the browser refuses it. */
  get keepsUnsent() {
    return this.#options.isPersistent && (this.outbox?.isSaved ?? true);
  }

  // ---- session ------------------------------------------------------------------------------------------------------

  /**
   * Continue the stored session; false if there is none. `snapshot`: of an earlier page, shown until the server tells
   * what is true; one of another user, or of another version of the library, is ignored.
   * @param {{snapshot?: import("./types.js").Snapshot | null}} [options]
   * @returns {Promise<boolean>}
   */
  async resume({ snapshot = null } = {}) {
    const stored = this.tokens.read();
    if (stored) await this.#start(stored.user, snapshot);
    return stored !== null;
  }

  /**
   * What the client holds, as plain JSON: the user, the settings, the rooms, and the newest messages of those that were
   * opened last. Null while nobody is logged in. It is the user's: drop it at `ended`.
   * @returns {import("./types.js").Snapshot | null}
   */
  snapshot() {
    return this.#session?.snapshot() ?? null;
  }

  /**
   * Throws ChatError, as do all methods that send a request.
   * @param {{username: string, email: string, password: string, invite?: string}} fields
   */
  async register(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/register", fields)).user);
  }

  /** @param {{username?: string, email?: string, password: string}} fields With one of the two names. */
  async login(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/login", fields)).user);
  }

  /** End the session here, and on the server if it can be reached. Unsent messages stay stored for the next login. */
  async logout() {
    await this.api.post("auth/logout").catch(() => {});
    this.tokens.clear();
  }

  /**
   * Delete the user's account, and with it what is unsent. Throws ChatError: `forbidden` for a wrong password.
   * @param {string} password
   */
  async deleteAccount(password) {
    const session = this._current;
    await this.api.people.deleteAccount(password);
    session.outbox.discard();
    if (session === this.#session) this.tokens.clear(); // otherwise the closed socket has told it before the reply
  }

  /**
   * Disconnect and free everything, without logging out: as if the page were closed. The client cannot be used again;
   * another one may `resume` the session.
   */
  close() {
    this.#closing.abort();
    this.api.files.close();
    this.#session?.close();
    this.#session = null;
  }

  async #start(user, snapshot = null) {
    if (this.#closing.signal.aborted) throw new ChatError({ code: "closed", message: "The client was closed." });
    this.#session?.close();
    const session = new ChatSession({ user, api: this.api, tokens: this.tokens, options: this.#options });
    this.#session = session;
    for (const name of SESSION_EVENTS) {
      session.addEventListener(name, (/** @type {CustomEvent} */ { detail }) => this._emit(name, detail));
    }
    session.restore(snapshot);
    await session.start();
    if (isWithoutNetwork()) session.connection.networkLost();
  }

  #stop(reason) {
    if (!this.#session) return;
    this.#session.close();
    this.#session = null;
    this._emit("ended", { reason });
  }

  /**
   * For ChatClient: the session while somebody is logged in. Throws ChatError `unauthorized`.
   * @returns {ChatSession}
   */
  get _current() {
    if (this.#session) return this.#session;
    throw new ChatError({ code: "unauthorized", message: "Nobody is logged in.", status: 401 });
  }

  /** For ChatClient: null while nobody is logged in. */
  get _peers() {
    return this.#session?.peers ?? null;
  }

  /** For ChatClient. */
  _emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #public(path, body) {
    return request(this.#options.fetch, endpoint(this.#options.baseUrl, path), { method: "POST", body });
  }
}
