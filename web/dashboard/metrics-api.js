/** Requests for metrics, with the session of the chat page if there is one. Has no timer and no document. */

import { endpoint, request } from "../client/api-request.js";
import { ChatError } from "../client/chat-error.js";
import { storagePrefixes } from "../client/client-options.js";
import { Tokens } from "../client/tokens.js";

const TIMEOUT_MS = 10_000;

export class MetricsApi {
  /** The unused share of the user's request limit, 0 to 1; 1 if requests are not counted. */
  allowance = 1;

  /** `storage` and `locks` are those of the chat page's client, so that both pages share one session. */
  constructor({ baseUrl, fetch, storage, locks }) {
    this.baseUrl = baseUrl;
    this.fetch = fetch;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    const [prefix] = storagePrefixes(baseUrl, globalThis.location?.origin);
    this.tokens = new Tokens({ storage, prefix, locks, refresh });
  }

  /** The user of the session, or null. */
  get user() {
    return this.tokens.read()?.user ?? null;
  }

  /** The decoded response. Throws ChatError. */
  async get(path, query = {}) {
    const url = endpoint(this.baseUrl, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const token = await this.#token();
    const first = await this.#fetch(url, token);
    // The server answers a revoked or expired token with the same status as the token of a user who is no operator.
    if (token === null || (first.response.status !== 403 && first.response.status !== 401)) return decode(first);
    const other = await this.#token(token);
    return decode(other === null || other === token ? first : await this.#fetch(url, other));
  }

  async login({ account, password }) {
    const name = account.includes("@") ? "email" : "username";
    this.tokens.adopt(await this.#public("auth/login", { [name]: account, password }));
    this.allowance = 1; // a different user's limit applies
  }

  async logout() {
    const token = await this.#token().catch(() => null); // one that cannot be renewed now is forgotten all the same
    if (token)
      await request(this.fetch, endpoint(this.baseUrl, "auth/logout"), { method: "POST", body: {}, token }).catch(
        () => {},
      );
    this.tokens.clear();
    this.allowance = 1;
  }

  /** A valid access token; null without a session or after its end. */
  async #token(refused = null) {
    if (!this.tokens.read()) return null;
    try {
      return await this.tokens.getAccessToken({ refused });
    } catch (error) {
      if (error.status === 401) return null;
      throw error;
    }
  }

  async #fetch(url, token) {
    const headers = { Accept: "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let response;
    try {
      response = await this.fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      throw new ChatError({ code: "network", message: "The server cannot be reached.", retryable: true });
    }
    this.#noteAllowance(response.headers);
    return { response, body: await response.json().catch(() => null) };
  }

  #noteAllowance(headers) {
    const limit = Number(headers.get("RateLimit-Limit"));
    if (limit > 0) this.allowance = Number(headers.get("RateLimit-Remaining")) / limit;
  }

  #public(path, body) {
    return request(this.fetch, endpoint(this.baseUrl, path), { method: "POST", body });
  }
}

function decode({ response, body }) {
  if (body !== null && response.ok) return body;
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
