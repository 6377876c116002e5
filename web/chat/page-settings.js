/**
 * The user's settings as the page uses them: theme, density, notifications, and under `client` what the page itself
 * keeps: stars, marks of unread, what was read of threads, collapsed sections. All devices of the user share them. A
 * change shows at once, and is taken back where the server refuses it.
 */

import { merged } from "../client/settings.js";

/** How many are kept of each, the newest: the server takes 8 KB in all. */
const STARS_MAX = 50;
const MARKS_MAX = 50;
const THREADS_MAX = 60;

export class PageSettings {
  #chat;
  #store;
  #pending = []; // patches that the server has not answered

  constructor({ chat, store, signal }) {
    this.#chat = chat;
    this.#store = store;
    chat.addEventListener("ended", () => (this.#pending = []), { signal });
    // Until they were read once; after the library has handled the same welcome, for it asks again what is under way.
    chat.addEventListener("state", () => queueMicrotask(() => this.#load()), { signal });
  }

  #load() {
    const { connection, settings } = this.#chat;
    if (connection?.isOnline && settings.value === null) settings.load().catch(() => {});
  }

  /** All settings as the user has made them. */
  get all() {
    const stored = this.#chat.settings?.value ?? {};
    return this.#pending.reduce((value, patch) => merged(value, patch), stored);
  }

  get client() {
    return this.all.client ?? {};
  }

  get stars() {
    return this.client.stars ?? [];
  }

  /** The seq from which a room was marked as unread by hand, or null. */
  unreadFrom(roomId) {
    return this.client.unreadFrom?.[roomId] ?? null;
  }

  /** Whether something in a room is not read, or the room was marked as unread by hand. */
  isUnread(state) {
    return this.unreadCount(state) > 0;
  }

  /** How many messages of a room are not read; 1 of one where all are, and that was marked as unread by hand. */
  unreadCount({ unread, room }) {
    return unread || (this.unreadFrom(room.id) === null ? 0 : 1);
  }

  /** The last seq that was read of a thread; 0 if it was never opened. */
  threadRead(messageId) {
    return this.client.threads?.[messageId] ?? 0;
  }

  /** Of which messages of a room the user wants to be notified: all, mentions or none. */
  levelOf(room) {
    if (this.mutedUntil(room.id) > Date.now()) return "none";
    return this.all.notifications?.[room.id] ?? (room.kind === "direct" ? "all" : "mentions");
  }

  /** Until when a room is muted for a while, in ms since the epoch; 0 if it is not. */
  mutedUntil(roomId) {
    return this.client.mutedUntil?.[roomId] ?? 0;
  }

  isCollapsed(section) {
    return (this.client.collapsed ?? []).includes(section);
  }

  /** Change settings by a merge patch (RFC 7396). Throws ChatError. */
  async change(patch) {
    this.#pending.push(patch);
    this.#store.bump("settings");
    try {
      await this.#chat.settings.change(patch);
    } finally {
      this.#pending = this.#pending.filter((one) => one !== patch);
      this.#store.bump("settings");
    }
  }

  setStar(roomId, isStarred) {
    const others = this.stars.filter((id) => id !== roomId);
    const stars = isStarred ? [...others, roomId].slice(-STARS_MAX) : others;
    return this.change({ client: { stars } });
  }

  toggleCollapsed(section) {
    const before = this.client.collapsed ?? [];
    const others = before.filter((name) => name !== section);
    return this.change({ client: { collapsed: others.length < before.length ? others : [...others, section] } });
  }

  /** Mark rooms as unread: roomId → the seq of the message from which on; null takes the mark away. */
  async markUnread(marks) {
    if (Object.keys(marks).length > 0) await this.#put("unreadFrom", marks, MARKS_MAX);
  }

  markThreadRead(messageId, seq) {
    return this.#put("threads", { [messageId]: seq }, THREADS_MAX);
  }

  /** No notifications of a room, until a time in ms since the epoch, or for good (null). */
  mute(roomId, until) {
    if (until === null) return this.change({ notifications: { [roomId]: "none" } });
    return this.#put("mutedUntil", { [roomId]: until }, MARKS_MAX);
  }

  /** Notifications of a room as they are by default; as they were before, where it was muted for a while. */
  unmute(roomId) {
    const notifications = this.all.notifications?.[roomId] === "none" ? { [roomId]: null } : {};
    return this.change({ notifications, client: { mutedUntil: { [roomId]: null } } });
  }

  /** Put values into a map of `client`, and remove the oldest beyond `max`. */
  #put(name, values, max) {
    const added = Object.fromEntries(Object.entries(values).slice(-max));
    const keys = Object.keys(this.client[name] ?? {}).filter((key) => !(key in added));
    const dropped = keys.slice(0, Math.max(0, keys.length + Object.keys(added).length - max));
    const patch = { ...Object.fromEntries(dropped.map((key) => [key, null])), ...added };
    return this.change({ client: { [name]: patch } });
  }
}
