/** The options of ChatClient and their defaults. */

import { serverBaseUrl } from "./api-request.js";
import { memoryStorage, persistentStorage } from "./storage.js";

const OLDEST_PREFIX = "chat.";

/**
 * In a browser each option has a default.
 * @typedef {object} ClientOptions
 * @property {string} [baseUrl] Where the server is. Default: where this library was loaded from.
 * @property {typeof WebSocket} [WebSocket] Node 20 has none: pass that of the package `ws`.
 * @property {typeof fetch} [fetch] Given, it is also used for uploads, of which it tells no progress.
 * @property {Storage} [storage] For the session and unsent messages: getItem, setItem, removeItem, and keys() or length
 *   and key(n). Default: localStorage, or memory where the browser refuses it.
 * @property {LockManager | null} [locks] Web Locks between the pages that share the storage, or null.
 * @property {number} [outboxMax] How many unsent messages a page may add. Default 100.
 * @property {number} [subscriptionsMax] How many rooms are joined for live messages; of the others only the counts are
 *   kept. Default 20.
 * @property {number} [timelineMax] How many messages of a room are held. Default 2000.
 * @property {() => number} [random] From 0 to 1: for jitter.
 * @property {() => number} [now] The wall clock, in ms.
 * @property {() => number} [timed] A monotonic clock for durations, in ms.
 */

/** All options, and what follows from them. Throws TypeError. */
export function withDefaults(options) {
  const storage = options.storage ?? persistentStorage();
  const isPersistent = storage !== null;
  const baseUrl = options.baseUrl ?? serverBaseUrl();
  if (!baseUrl) throw new TypeError("ChatClient needs a baseUrl: the library was not loaded from a chat server.");
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (!WebSocket) throw new TypeError("ChatClient needs a WebSocket: this environment has none.");
  // Locks order the pages that share a storage; without one there is nothing to share.
  const locks = isPersistent ? (globalThis.navigator?.locks ?? null) : null;
  return {
    baseUrl,
    WebSocket,
    XMLHttpRequest: options.fetch ? null : (globalThis.XMLHttpRequest ?? null),
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    storage: storage ?? memoryStorage(),
    isPersistent,
    storagePrefixes: storagePrefixes(baseUrl, globalThis.location?.origin),
    locks: options.locks === undefined ? locks : options.locks,
    outboxMax: options.outboxMax ?? 100,
    subscriptionsMax: options.subscriptionsMax ?? 20,
    timelineMax: options.timelineMax ?? 2000,
    random: options.random ?? Math.random,
    now: options.now ?? Date.now,
    timed: options.timed ?? (() => performance.now()),
  };
}

/**
 * The prefixes of the keys of a server's client: that under which it stores, and that under which earlier versions did.
 * A page may talk to several servers, and each path of one origin may be another server.
 */
export function storagePrefixes(baseUrl, pageOrigin) {
  const { href, origin } = new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`);
  if (href === `${pageOrigin}/`) return [OLDEST_PREFIX];
  return [`${OLDEST_PREFIX}${href}.`, ...(origin === pageOrigin ? [OLDEST_PREFIX] : [])];
}
