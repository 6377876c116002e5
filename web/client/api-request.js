/** One request to the server: its URL, and what becomes of the reply. Errors become ChatError. */

import { aborted, errorOfReply, unreachable } from "./chat-error.js";

const WITHIN_MS = 20_000;

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

/**
 * Send one request. Resolves to the decoded body, or null for status 204. Throws ChatError.
 * @param {typeof fetch} fetchLike
 * @param {URL | string} url
 * @param {{method?: string, body?: unknown, token?: string}} [options]
 */
export async function request(fetchLike, url, { method = "GET", body, token } = {}) {
  const read = async (response) => (response.status === 204 ? null : ((await decodedBody(response)) ?? unreadable()));
  return await send(fetchLike, url, { method, body, token, read });
}

/**
 * Send one request. Resolves to what `read(response)` does. Throws ChatError.
 * @template T
 * @param {typeof fetch} fetchLike
 * @param {URL | string} url
 * @param {{method?: string, body?: unknown, token?: string, signal?: AbortSignal | null, withinMs?: number,
 *   read: (response: Response) => T | Promise<T>}} options
 * @returns {Promise<T>}
 */
export async function send(fetchLike, url, { method, body, token, signal = null, withinMs = WITHIN_MS, read }) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const timeout = AbortSignal.timeout(withinMs);
  let response;
  try {
    response = await fetchLike(url, {
      method: method ?? "GET",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (response.ok) return await read(response);
  } catch {
    throw signal?.aborted ? aborted() : unreachable();
  }
  throw errorOfReply(response, await decodedBody(response));
}

function decodedBody(response) {
  return response.json().catch(() => null);
}

/** Half a reply, or the login page of a hotel's network. */
function unreadable() {
  throw unreachable();
}
