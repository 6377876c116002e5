/** The one kind of error that the library throws. */

const SESSION_OVER = new Set(["unauthorized", "token_expired"]);

/**
 * An error reply to a REST request or a WebSocket command.
 * `code` is a code of the contract, or one of the library's own: `network` (no reply of the server came),
 * `disconnected` (the connection closed before the reply), `outbox_full`, `aborted`, `closed`.
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

/** Whether the chat server said that the token is over, and not a proxy or a hotel's network with a 401 of its own. */
export function isUnauthorized(error) {
  return error.status === 401 && SESSION_OVER.has(error.code);
}

/** No reply of the server came. */
export function unreachable() {
  return new ChatError({ code: "network", message: "The server cannot be reached.", retryable: true });
}

/** The caller's AbortSignal ended the request. */
export function aborted() {
  return new ChatError({ code: "aborted", message: "This was cancelled." });
}

/** The error of a reply that is none of success; `decoded` is its body, or null if that is not JSON. */
export function errorOfReply({ status, headers }, decoded) {
  const error = decoded?.error ?? {};
  const retryAfter = Number(headers.get("Retry-After"));
  return new ChatError({
    code: error.code ?? "internal",
    message: error.message ?? `The server answered ${status}.`,
    status,
    details: error.details,
    retryable: status === 429 || status >= 500,
    retryAfterS: retryAfter > 0 ? retryAfter : null,
  });
}
