/**
 * When to try again: backoff with full jitter, and what each close code of the contract asks for.
 * Pure: chance is passed in. Knows no socket and no timer.
 */

/**
 * Delay in ms before attempt number `attempt` (0 is the first): anywhere between 0 and the doubling cap ("full
 * jitter").
 */
export function backoffMs(attempt, { random = Math.random, baseMs = 500, capMs = 30_000 } = {}) {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20)));
}

const LOST = Object.freeze({ next: "retry", reason: "lost" });

/**
 * Close code → what to do. `next`: retry (with backoff, never before `leastMs`), refresh (the token, then reconnect),
 * relogin (the session may be over), nothing (another connection of ours took over).
 */
const AFTER_CLOSE = new Map([
  [1008, { next: "retry", reason: "refused", leastMs: 60_000 }],
  [1009, { next: "retry", reason: "too_large" }],
  [1012, { next: "retry", reason: "restarting" }],
  [4401, { next: "refresh", reason: "lost" }],
  [4403, { next: "relogin", reason: "revoked" }],
  [4409, { next: "nothing", reason: "replaced" }],
  [4429, { next: "retry", reason: "too_many", leastMs: 5_000 }],
]);

/** What a close code asks for; codes that the contract does not list (1006, 4408, 4413 …) mean: reconnect. */
export function afterClose(code) {
  return AFTER_CLOSE.get(code) ?? LOST;
}

/**
 * How long before its end a token that lives `lifetimeMs` is renewed: early enough for a throttled timer, never over
 * half its life.
 */
export function renewalMarginMs(lifetimeMs) {
  return Math.min(lifetimeMs / 2, Math.max(120_000, lifetimeMs / 5));
}

/** A random id of 22 characters; works without a secure context, where crypto.randomUUID is missing. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
