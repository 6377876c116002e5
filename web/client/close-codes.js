/** What each WebSocket close code of the contract asks of the client. Pure. */

const LOST = Object.freeze({ next: "retry", reason: "lost" });

/**
 * `next`: retry (with backoff, at least `minDelayMs` later), refresh (the token, then reconnect), relogin (the session
 * may have ended), nothing (another connection of this client replaced this one).
 */
const AFTER_CLOSE = new Map([
  [1008, { next: "retry", reason: "refused", minDelayMs: 60_000 }],
  [1009, { next: "retry", reason: "too_large" }],
  [1012, { next: "retry", reason: "restarting" }],
  [4401, { next: "refresh", reason: "lost" }],
  [4403, { next: "relogin", reason: "revoked" }],
  [4409, { next: "nothing", reason: "replaced" }],
  [4429, { next: "retry", reason: "too_many", minDelayMs: 5_000 }],
]);

/**
 * What a close code asks for. A code outside the table (1006, 4408, 4413 …) means: reconnect.
 * @param {number} code
 * @returns {{next: string, reason: string, minDelayMs?: number}}
 */
export function afterClose(code) {
  return AFTER_CLOSE.get(code) ?? LOST;
}
