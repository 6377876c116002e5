/**
 * REST: JSON over fetch with a Bearer token, errors as ChatError. Knows no socket and keeps no state of its own.
 */

const TIMEOUT_MS = 20_000;

/**
 * A refusal, from REST or from a WebSocket command, in the contract's words.
 * `code` is the contract's, or `network` (no answer came) and `disconnected` (the link broke before one).
 */
export class ChatError extends Error {
  constructor({ code, message, status = 0, details = {}, retryable = false, retryAfterS = null }) {
    super(message || code);
    this.name = "ChatError";
    this.code = code;
    this.status = status;
    this.details = details ?? {};
    this.retryable = retryable;
    this.retryAfterS = retryAfterS;
  }
}

/** The base URL of the server that gave this file: behind a proxy that strips a prefix that is no origin's root. */
export const ownBase = () => new URL("../..", import.meta.url).href;

/** A path of the server's, `rooms` or as it stands in a shape `/files/…`, under its base. */
export function endpoint(baseUrl, path) {
  return new URL(path.replace(/^\/+/, ""), baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`);
}

/** One request without a token. Resolves to the decoded body, null for 204. Throws ChatError. */
export async function request(fetchLike, url, { method = "GET", body, token } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetchLike(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new ChatError({ code: "network", message: "The server cannot be reached.", retryable: true });
  }
  if (response.status === 204) return null;
  const decoded = await response.json().catch(() => null);
  if (response.ok) return decoded;
  throw refusalOf(response, decoded);
}

function refusalOf(response, decoded) {
  const error = decoded?.error ?? {};
  const retryAfter = Number(response.headers.get("Retry-After"));
  return new ChatError({
    code: error.code ?? "internal",
    message: error.message ?? `The server answered ${response.status}.`,
    status: response.status,
    details: error.details,
    retryable: response.status === 429 || response.status >= 500,
    retryAfterS: retryAfter > 0 ? retryAfter : null,
  });
}

/** Calls REST with the session's token; a refused token is refreshed once. */
export class Api {
  constructor({ baseUrl, fetch, tokens }) {
    this.baseUrl = baseUrl;
    this.fetch = fetch;
    this.tokens = tokens;
  }

  /** `path` under the base URL; `query` values that are null, undefined or "" are left out. Throws ChatError. */
  async call(method, path, { body, query } = {}) {
    const url = endpoint(this.baseUrl, path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
    }
    const token = await this.tokens.fresh();
    try {
      return await request(this.fetch, url, { method, body, token });
    } catch (error) {
      if (error.status !== 401) throw error;
      return await request(this.fetch, url, { method, body, token: await this.tokens.fresh({ refused: token }) });
    }
  }

  get(path, query) {
    return this.call("GET", path, { query });
  }

  post(path, body = {}) {
    return this.call("POST", path, { body });
  }
}
