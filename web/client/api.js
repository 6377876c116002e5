/** REST requests with the session's token: JSON over fetch. Errors become ChatError. Has no socket and no state. */

import { endpoint, request, send } from "./api-request.js";
import { isUnauthorized } from "./chat-error.js";
import { FileApi } from "./file-api.js";
import { MessageApi } from "./message-api.js";
import { PeopleApi } from "./people-api.js";
import { RoomApi } from "./room-api.js";

const DOWNLOADED_WITHIN_MS = 300_000;

/**
 * Sends REST requests with the session's access token; after a 401 it refreshes the token and retries once. The
 * requests by name are methods of `messages`, `rooms`, `people` and `files`.
 */
export class Api {
  constructor({ baseUrl, fetch, XMLHttpRequest = null, tokens }) {
    this.baseUrl = baseUrl;
    this.fetch = fetch;
    this.tokens = tokens;
    this.messages = new MessageApi(this);
    this.rooms = new RoomApi(this);
    this.people = new PeopleApi(this);
    this.files = new FileApi(this, { XMLHttpRequest });
  }

  /**
   * `path` is below the base URL; `query` values that are null, undefined or "" are omitted. Throws ChatError.
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, query?: Record<string, unknown>}} [options]
   */
  async call(method, path, { body, query } = {}) {
    const url = endpoint(this.baseUrl, path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    return await this.authorized((token) => request(this.fetch, url, { method, body, token }));
  }

  /** What `work(token)` resolves to; if the token is refused, it is refreshed and the work done once more. */
  async authorized(work) {
    const token = await this.tokens.getAccessToken();
    try {
      return await work(token);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      return await work(await this.tokens.getAccessToken({ refused: token }));
    }
  }

  /**
   * What is at a path below the base URL, as a Blob. Throws ChatError.
   * @param {string} path
   * @param {{signal?: AbortSignal | null, withinMs?: number}} [options]
   */
  download(path, { signal = null, withinMs = DOWNLOADED_WITHIN_MS } = {}) {
    const url = endpoint(this.baseUrl, path);
    const read = (reply) => reply.blob();
    return this.authorized((token) => send(this.fetch, url, { token, signal, withinMs, read }));
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
