/** The delay before a retry: exponential backoff with full jitter. Pure: the random number is passed in. */

/**
 * Delay in ms before retry number `attempt` (0 is the first): a random number from 0 to a cap that doubles each time,
 * up to `capMs`.
 */
export function backoffMs(attempt, { random = Math.random, baseMs = 500, capMs = 30_000 } = {}) {
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20)));
}
