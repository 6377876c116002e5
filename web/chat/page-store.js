/** The store of the chat page: what the client library tells by events becomes versions, which the views depend on. */

import { Store } from "../ui/store.js";

/** Events of ChatClient about one room, each counted as `name:ROOM_ID`. */
const OF_ROOMS = ["messages", "outbox", "people", "typing"];
/** Events about all: counted by their names; `state` as `connection`. */
const OF_ALL = { list: "list", user: "user", settings: "settings", blocks: "blocks", state: "connection" };

/**
 * A Store with the state `{route, hasSession}` that counts the client's events until `signal` aborts.
 * @param {{chat: EventTarget, route: object, signal: AbortSignal}} options
 */
export function pageStore({ chat, route, signal }) {
  const store = new Store({ route, hasSession: false });
  for (const name of OF_ROOMS) {
    const count = (/** @type {CustomEvent} */ { detail }) => store.bump(`${name}:${detail.roomId}`);
    chat.addEventListener(name, count, { signal });
  }
  for (const [name, version] of Object.entries(OF_ALL)) {
    chat.addEventListener(name, () => store.bump(version), { signal });
  }
  const threads = (/** @type {CustomEvent} */ { detail }) => store.bump(`thread:${detail.messageId}`);
  chat.addEventListener("thread", threads, { signal });
  return store;
}
