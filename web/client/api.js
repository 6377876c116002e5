/** REST requests: JSON over fetch with a Bearer token. Errors become ChatError. Has no socket and no state. */

import { ChatError, isUnauthorized, unreachable } from "./chat-error.js";
import { MessageApi } from "./message-api.js";
import { PeopleApi } from "./people-api.js";
import { RoomApi } from "./room-api.js";

const TIMEOUT_MS = 20_000;

/**
 * The base URL of the server that this file was loaded from, with the prefix that a proxy in front of it strips. It is
 * what is before the last `/static/`, since the library may be one built file. Null where it was loaded from elsewhere.
 */
export function serverBaseUrl(moduleUrl = import.meta.url) {
  return moduleUrl.match(/^https?:.*\/(?=static\/)/)?.[0] ?? null;
}

/** The URL of a path below the base URL; a leading slash (`/files/…`) is ignored. */
export function endpoint(baseUrl, path) {
  return new URL(path.replace(/^\/+/, ""), baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`);
}

/** Send one request. Resolves to the decoded body, or null for status 204. Throws ChatError. */
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
  } catch {
    throw unreachable();
  }
  if (response.status === 204) return null;
  const decoded = await response.json().catch(() => null);
  if (!response.ok) throw errorFrom(response, decoded);
  if (decoded === null) throw unreachable(); // half a reply, or the login page of a hotel's network
  return decoded;
}

function errorFrom(response, decoded) {
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

/**
 * Sends REST requests with the session's access token; after a 401 it refreshes the token and retries once. The requests
 * by name are methods of `messages`, `rooms` and `people`.
 */
export class Api {
  constructor({ baseUrl, fetch, tokens }) {
    this.baseUrl = baseUrl;
    this.fetch = fetch;
    this.tokens = tokens;
    this.messages = new MessageApi(this);
    this.rooms = new RoomApi(this);
    this.people = new PeopleApi(this);
  }

  /** `path` is below the base URL; `query` values that are null, undefined or "" are omitted. Throws ChatError. */
  async call(method, path, { body, query } = {}) {
    const url = endpoint(this.baseUrl, path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
    }
    const token = await this.tokens.getAccessToken();
    try {
      return await request(this.fetch, url, { method, body, token });
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      return await request(this.fetch, url, {
        method,
        body,
        token: await this.tokens.getAccessToken({ refused: token }),
      });
    }
  }

  get(path, query) {
    return this.call("GET", path, { query });
  }

  post(path, body = {}) {
    return this.call("POST", path, { body });
  }

  patch(path, body) {
    return this.call("PATCH", path, { body });
  }

  delete(path) {
    return this.call("DELETE", path);
  }
}
