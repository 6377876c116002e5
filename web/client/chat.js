/**
 * A client of the chat server, for browsers and for Node 20 (`new ChatClient({baseUrl, WebSocket})`).
 *
 *     const chat = new ChatClient({ baseUrl: "http://localhost:8000" });
 *     await chat.login({ username: "ann", password: "…" });        // or register, or nothing if a session is stored
 *     chat.addEventListener("messages", ({ detail }) => show(chat.rooms.get(detail.roomId).timeline.messages));
 *     const room = await chat.join(roomId);                        // or createRoom, direct
 *     await chat.open(room.id);                                    // newest messages, then live
 *     chat.send(room.id, "Hello");                                 // kept until stored, over reconnects and reloads
 *
 * It reconnects with jitter and resumes each room where it was: every message once, in seq order. It renews its token,
 * shares it with other tabs, and resends what was not acked under the same clientId. All it keeps is bounded.
 *
 * Events: `state` (of the link, see `chat.link`); `list`, `messages`, `people`, `typing`, `outbox` (detail {roomId});
 * `closed` (detail {roomId, reason}); `undeliverable` (detail {roomId, content}: kept as failed, for the case that one
 * joins again); `user` (one's own profile); `ended` (log in again: {reason}).
 */

import { Api, ChatError, endpoint, ownBase, request } from "./api.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Peers } from "./peers.js";
import { Presence } from "./presence.js";
import { Rooms } from "./rooms.js";
import { Sender } from "./sender.js";
import { memoryStorage, Tokens } from "./tokens.js";

export { ChatError, memoryStorage };

export const CONTENT_MAX = 2000; // code points

export class ChatClient extends EventTarget {
  user = null;
  link = null;
  rooms = null;
  presence = null;
  outbox = null;
  peers = null;

  #sender = null;
  #options;

  /**
   * All optional in a browser: `baseUrl` of the server, `WebSocket`, `fetch`, `storage` (getItem, setItem, removeItem,
   * and keys() or length and key(n)), `locks` (Web Locks, or null), `random`, and two clocks in ms: `now`, the wall
   * clock that people see, and `timed`, a clock that nobody sets, by which durations are measured.
   */
  constructor(options = {}) {
    super();
    const baseUrl = options.baseUrl ?? ownBase();
    this.#options = {
      baseUrl,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
      storage: options.storage ?? browserStorage(),
      locks: options.locks === undefined ? (globalThis.navigator?.locks ?? null) : options.locks,
      random: options.random ?? Math.random,
      now: options.now ?? Date.now,
      timed: options.timed ?? (() => performance.now()),
    };
    const { fetch, storage, locks, now } = this.#options;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    this.tokens = new Tokens({ storage, locks, now, refresh });
    this.api = new Api({ baseUrl, fetch, tokens: this.tokens });
    this.tokens.addEventListener("ended", () => this.#stop("ended"));
    this.tokens.addEventListener("changed", () => this.#stop("changed"));
    globalThis.window?.addEventListener("storage", ({ key }) => {
      if (this.user) this.tokens.storageChanged(key, this.user.id);
    });
  }

  // ---- session ------------------------------------------------------------------------------------------------------

  /** Go on with the stored session; false if there is none. */
  async resume() {
    const session = this.tokens.read();
    if (session) await this.#start(session.user);
    return session !== null;
  }

  /** `{username, email, password}`. Throws ChatError, as all that asks the server. */
  async register(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/register", fields)).user);
  }

  /** `{username or email, password}`. */
  async login(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/login", fields)).user);
  }

  /** End the session here, and on the server if it can be reached. */
  async logout() {
    await this.api.post("auth/logout").catch(() => {});
    this.tokens.clear();
  }

  async #start(user) {
    const { baseUrl, storage, locks, random, now, timed, WebSocket } = this.#options;
    this.user = user;
    const url = endpoint(baseUrl.replace(/^http/, "ws"), "ws").href;
    const link = new Link({ url, tokens: this.tokens, WebSocket, random, now, timed });
    const outbox = new Outbox({ storage, locks, userId: user.id, now });
    const rooms = new Rooms({ link, api: this.api, userId: user.id, wanted: () => outbox.roomIds, random });
    const presence = new Presence({ link, timed });
    const isReady = (roomId) => rooms.get(roomId)?.isSubscribed ?? false;
    const peers = new Peers({ api: this.api, storage, userId: user.id });
    Object.assign(this, { link, outbox, rooms, presence, peers });
    this.#sender = new Sender({ link, outbox, isReady, random, now, timed });
    this.#listen();
    await outbox.open();
    link.start();
  }

  #listen() {
    const { link, outbox, rooms, presence, peers } = this;
    const pass = (from, name, as = name) => from.addEventListener(name, ({ detail }) => this.#tell(as, detail));
    pass(rooms, "list");
    pass(rooms, "messages");
    pass(rooms, "closed");
    pass(presence, "people");
    pass(presence, "typing");
    pass(outbox, "change", "outbox");
    link.addEventListener("state", () => {
      if (!link.isOnline) this.#sender.rewind();
      this.#tell("state");
    });
    link.addEventListener("welcome", () => this.#loadProfile(), { once: true });
    rooms.addEventListener("messages", ({ detail }) => this.#settle(detail.roomId));
    rooms.addEventListener("joined", ({ detail: { roomId } }) => {
      this.#settle(roomId);
      this.#sender.pump(roomId);
      if (roomId === rooms.activeId) void presence.load(roomId);
    });
    outbox.addEventListener("change", ({ detail: { roomId } }) => {
      this.#settle(roomId);
      queueMicrotask(() => this.#sender?.pump(roomId));
    });
    rooms.addEventListener("list", () => {
      this.#failUnreachable();
      void peers.find(rooms.all);
    });
    pass(peers, "list");
  }

  /**
   * Read one's own profile, once, after the first welcome: what was known before that shows one as offline, for one had
   * no connection.
   */
  async #loadProfile() {
    const { user } = await this.api.get("auth/profile").catch(() => ({ user: null }));
    if (!user || user.id !== this.user?.id) return;
    this.user = user;
    this.#tell("user");
  }

  #settle(roomId) {
    const state = this.rooms?.get(roomId);
    if (state && this.outbox.entries(roomId).length > 0) this.outbox.settle(roomId, state.timeline);
  }

  /** Unsent messages to rooms that are ours no longer stay, as failed. */
  #failUnreachable() {
    const { rooms, outbox, link } = this;
    if (!link.isOnline || !rooms.isListed) return;
    const error = { code: "not_member", message: "You are no longer in this room." };
    for (const roomId of outbox.roomIds.filter((id) => !rooms.get(id))) {
      for (const { clientId, content, state } of outbox.entries(roomId)) {
        if (state === "failed") continue;
        outbox.mark(clientId, "failed", { error });
        this.#tell("undeliverable", { roomId, content });
      }
    }
  }

  #stop(reason) {
    if (!this.user) return;
    this.link.stop();
    this.#sender.rewind();
    this.outbox.close();
    this.user = this.link = this.rooms = this.presence = this.outbox = this.peers = this.#sender = null;
    this.#tell("ended", { reason });
  }

  #public(path, body) {
    return request(this.#options.fetch, endpoint(this.#options.baseUrl, path), { method: "POST", body });
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  /**
   * Write a message; it is sent as soon as possible, in order. Returns the outbox entry. Throws ChatError
   * `outbox_full`.
   */
  send(roomId, content, { mentions = [] } = {}) {
    this.presence.stopTyping(roomId, { sent: true });
    return this.outbox.add({ roomId, content, mentions });
  }

  /** Send a failed message once more, or give it up. */
  retry(clientId) {
    this.outbox.retry(clientId);
  }

  discard(clientId) {
    this.outbox.remove(clientId);
  }

  /** What the room shows as not stored yet, in order. */
  unsent(roomId) {
    return this.outbox.entries(roomId);
  }

  /** The newest message in view: told to the server, and the room's unread count goes down at once. */
  read(roomId, seq) {
    this.rooms.onRead({ roomId, readSeq: seq, mentionCount: 0 });
    this.presence.read(roomId, seq);
  }

  // ---- rooms and people ---------------------------------------------------------------------------------------------

  /** Show a room. */
  async open(roomId) {
    const state = this.rooms.get(roomId);
    if (state?.isSubscribed) void this.presence.load(roomId); // else it is asked for once joined
    await this.rooms.open(roomId);
  }

  /** `{name, description, isPrivate, maxUsers}` → the room. */
  async createRoom(fields) {
    return this.#entered((await this.api.post("rooms", fields)).room);
  }

  async join(roomId) {
    return this.#entered((await this.api.post(`rooms/${encodeURIComponent(roomId)}/join`)).room);
  }

  /** What a room is called: a direct one by the other person. */
  nameOf(room) {
    return room.kind === "direct" ? (this.peers.of(room.id)?.displayName ?? "Direct message") : room.name;
  }

  /** The direct room with a person. */
  async direct(userId) {
    return this.#entered((await this.api.post("rooms/direct", { userId })).room);
  }

  async leave(roomId) {
    await this.api.post(`rooms/${encodeURIComponent(roomId)}/leave`);
    this.rooms.drop(roomId, "left");
  }

  async invite(roomId, userId) {
    const { room } = await this.api.post(`rooms/${encodeURIComponent(roomId)}/members`, { userId });
    this.rooms.onRoom({ room });
  }

  /** Read one of one's rooms anew: nobody is told when its number of members changes. */
  async refreshRoom(roomId) {
    const { room } = await this.api.get(`rooms/${encodeURIComponent(roomId)}`);
    if (this.rooms?.get(roomId)) this.rooms.onRoom({ room });
  }

  /** `{rooms, nextCursor}` of all one may see. */
  findRooms({ q = "", cursor = null } = {}) {
    return this.api.get("rooms", { q, cursor, limit: 30 });
  }

  /** `{members, nextCursor}`. */
  members(roomId, { cursor = null } = {}) {
    return this.api.get(`rooms/${encodeURIComponent(roomId)}/members`, { cursor, limit: 100 });
  }

  async findUsers(q) {
    return (await this.api.get("users", { q, limit: 20 })).users;
  }

  async person(userId) {
    return (await this.api.get(`users/${encodeURIComponent(userId)}`)).user;
  }

  /** online, away, busy or offline, and a few words. */
  async setStatus(status, customStatus) {
    await this.link.command("updatePresence", { status, customStatus });
    this.user = { ...this.user, status, customStatus };
    this.presence.noteOwn(this.user.id, this.user.username, status);
    this.#tell("user");
  }

  #entered(room) {
    this.rooms.onRoom({ room });
    return room;
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** localStorage, or where it is refused, storage that forgets. */
function browserStorage() {
  try {
    globalThis.localStorage.getItem("");
    return globalThis.localStorage;
  } catch {
    return memoryStorage();
  }
}
