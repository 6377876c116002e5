/** The options of ChatClient and their defaults. */

import { serverBaseUrl } from "./api.js";
import { browserStorage } from "./storage.js";

/**
 * In a browser each option has a default: `baseUrl` of the server, `WebSocket`, `fetch`, `storage` (getItem, setItem,
 * removeItem, and keys() or length and key(n)), `locks` (Web Locks, or null), `random`, and two clocks in ms: `now`,
 * the wall clock, and `timed`, a monotonic clock for durations.
 */
export function withDefaults(options) {
  return {
    baseUrl: options.baseUrl ?? serverBaseUrl(),
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    storage: options.storage ?? browserStorage(),
    locks: options.locks === undefined ? (globalThis.navigator?.locks ?? null) : options.locks,
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    timed: options.timed ?? (() => performance.now()),
  };
}
