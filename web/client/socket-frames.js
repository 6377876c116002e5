/** The frames of a socket, and what their commands come to. Pure. */

import { ChatError } from "./chat-error.js";

/** The frame, or null if the text is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function resolveWithAck({ resolve, reject, onAck }, data) {
  try {
    onAck?.(data);
    resolve(data);
  } catch (error) {
    reject(error); // otherwise the promise stays pending forever
  }
}

export function disconnected() {
  return new ChatError({ code: "disconnected", message: "The connection was lost.", retryable: true });
}

export function tooLarge() {
  return new ChatError({ code: "payload_too_large", message: "This is too large to be sent." });
}

export function errorOf({ code, message, details, retryable, retryAfter }) {
  return new ChatError({ code, message, details, retryable, retryAfterS: retryAfter });
}
