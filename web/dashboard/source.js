/**
 * Asks the server for the dashboard's pages, with the chat page's session if there is one. Knows no timer and shows
 * nothing.
 */

import { ChatError, endpoint, request } from "../client/api.js";
import { Tokens } from "../client/tokens.js";

const TIMEOUT_MS = 10_000;

export class Source {
  /** What of the allowance of requests is left, 0 to 1; 1 where requests are not counted. */
  allowance = 1;

  /** `storage` and `locks` as the chat page's client has them, so that whoever is logged in there is so here. */
  constructor({ baseUrl, fetch, storage, locks }) {
    this.baseUrl = baseUrl;
    this.fetch = fetch;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    this.tokens = new Tokens({ storage, locks, refresh });
  }

  /** Who is logged in, or null. */
  get user() {
    return this.tokens.read()?.user ?? null;
  }

  /** The page as an object. A health report that says unhealthy is one, too. Throws ChatError. */
  async get(path, query = {}) {
    const url = endpoint(this.baseUrl, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const token = await this.#token();
    const first = await this.#ask(url, token);
    // A token that has been revoked, or ended by the server's clock, is refused with the same word as one of no
    // operator.
    if (token === null || (first.response.status !== 403 && first.response.status !== 401)) return readable(first);
    const other = await this.#token(token);
    return readable(other === null || other === token ? first : await this.#ask(url, other));
  }

  async login({ account, password }) {
    const name = account.includes("@") ? "email" : "username";
    this.tokens.adopt(await this.#public("auth/login", { [name]: account, password }));
    this.allowance = 1; // it is another's
  }

  async logout() {
    const token = await this.#token();
    if (token)
      await request(this.fetch, endpoint(this.baseUrl, "auth/logout"), { method: "POST", body: {}, token }).catch(
        () => {},
      );
    this.tokens.clear();
    this.allowance = 1;
  }

  /** A token that should be good, null without a session, or where it has ended. */
  async #token(refused = null) {
    if (!this.tokens.read()) return null;
    try {
      return await this.tokens.fresh({ refused });
    } catch (error) {
      if (error.status === 401) return null;
      throw error;
    }
  }

  async #ask(url, token) {
    const headers = { Accept: "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let response;
    try {
      response = await this.fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      throw new ChatError({ code: "network", message: "The server cannot be reached.", retryable: true });
    }
    this.#count(response.headers);
    return { response, body: await response.json().catch(() => null) };
  }

  #count(headers) {
    const limit = Number(headers.get("RateLimit-Limit"));
    if (limit > 0) this.allowance = Number(headers.get("RateLimit-Remaining")) / limit;
  }

  #public(path, body) {
    return request(this.fetch, endpoint(this.baseUrl, path), { method: "POST", body });
  }
}

function readable({ response, body }) {
  if (body !== null && (response.ok || (response.status === 503 && body.checks))) return body;
  const error = body?.error ?? {};
  throw new ChatError({
    code: error.code ?? (response.status === 403 ? "forbidden" : "unavailable"),
    message: error.message ?? `The server answered ${response.status}.`,
    status: response.status,
    details: error.details,
    retryable: response.status === 429 || response.status >= 500,
    retryAfterS: Number(response.headers.get("Retry-After")) || null,
  });
}
