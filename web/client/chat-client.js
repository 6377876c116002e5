/**
 * A client of the chat server, for browsers and for Node 20 (`new ChatClient({baseUrl, WebSocket})`).
 *
 *     const chat = new ChatClient({ baseUrl: "http://localhost:8000" });
 *     await chat.login({ username: "ann", password: "…" });       // or register; or `resume` a stored session
 *     chat.addEventListener("messages", ({ detail }) => show(chat.rooms.get(detail.roomId).timeline.messages));
 *     const room = await chat.join(roomId);                        // or createRoom, direct
 *     await chat.open(room.id);                                    // newest messages, then live
 *     chat.send(room.id, "Hello");                                // kept over reloads until it is stored
 *
 * It reconnects with jitter and resumes each room: every message is delivered once, in seq order. It renews its access
 * token, shares the session with other tabs, and resends a message that was not acked with the same clientId. All its
 * state is bounded.
 *
 * Events: `state` (of `chat.connection`); `list`, `messages`, `people`, `typing`, `outbox` (detail {roomId}); `closed`
 * (detail {roomId, reason}); `undeliverable` (detail {roomId, content}: the message is kept as failed, to be retried
 * after the user has joined again); `user` (the user's own profile); `ended` (detail {reason}: the user must log in
 * again); `settings`. Edits, search, moderation … are methods of `chat.api.messages`, `chat.api.rooms`, `chat.api.people`.
 */

import { Api, ChatError, endpoint, request } from "./api.js";
import { withDefaults } from "./client-options.js";
import { Connection } from "./reconnecting-connection.js";
import { MessageOutbox } from "./message-outbox.js";
import { Presence } from "./presence.js";
import { Rooms } from "./rooms.js";
import { Settings } from "./settings.js";
import { MessageSender } from "./message-resend.js";
import { memoryStorage } from "./storage.js";
import { Tokens } from "./tokens.js";

export { ChatError, memoryStorage };

export const CONTENT_MAX = 2000; // code points

export class ChatClient extends EventTarget {
  user = null;
  connection = null;
  rooms = null;
  presence = null;
  outbox = null;
  settings = null;

  #sender = null;
  #options;

  /** `options`: see `client-options.js`; in a browser none is needed. */
  constructor(options = {}) {
    super();
    this.#options = withDefaults(options);
    const { baseUrl, fetch, storage, locks, now } = this.#options;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    this.tokens = new Tokens({ storage, locks, now, refresh });
    this.api = new Api({ baseUrl, fetch, tokens: this.tokens });
    this.tokens.addEventListener("ended", () => this.#stop("ended"));
    this.tokens.addEventListener("changed", () => this.#stop("changed"));
    globalThis.window?.addEventListener("storage", ({ key }) => {
      if (this.user) this.tokens.storageChanged(key, this.user.id);
    });
  }

  /** The same as `connection`: its name in earlier versions. */
  get link() {
    return this.connection;
  }

  // ---- session ------------------------------------------------------------------------------------------------------

  /** Continue the stored session; false if there is none. */
  async resume() {
    const session = this.tokens.read();
    if (session) await this.#start(session.user);
    return session !== null;
  }

  /** `fields`: `{username, email, password}`. Throws ChatError, as do all methods that send a request. */
  async register(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/register", fields)).user);
  }

  /** `fields`: `{username or email, password}`. */
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
    const connection = new Connection({ url, tokens: this.tokens, WebSocket, random, now, timed });
    const outbox = new MessageOutbox({ storage, locks, userId: user.id, now });
    const rooms = new Rooms({
      connection,
      api: this.api,
      userId: user.id,
      requiredRoomIds: () => outbox.roomIds,
      random,
    });
    const presence = new Presence({ connection, timed });
    const isReady = (roomId) => rooms.get(roomId)?.isSubscribed ?? false;
    const settings = new Settings({ connection, people: this.api.people });
    Object.assign(this, { connection, outbox, rooms, presence, settings });
    this.#sender = new MessageSender({ connection, outbox, isReady, random, now, timed });
    this.#addListeners();
    await outbox.open();
    connection.start();
  }

  #addListeners() {
    const { connection, outbox, rooms, presence } = this;
    const forward = (from, name, as = name) => from.addEventListener(name, ({ detail }) => this.#emit(as, detail));
    for (const name of ["list", "messages", "closed"]) forward(rooms, name);
    for (const name of ["people", "typing"]) forward(presence, name);
    forward(outbox, "change", "outbox");
    forward(this.settings, "change", "settings");
    connection.addEventListener("state", () => {
      if (!connection.isOnline) this.#sender.reset();
      this.#emit("state");
    });
    connection.addEventListener("welcome", () => this.#loadProfile(), { once: true });
    this.api.messages.onChanged = (message) => rooms.show(message);
    rooms.addEventListener("messages", ({ detail }) => this.#removeStored(detail.roomId));
    rooms.addEventListener("joined", ({ detail: { roomId, isReset } }) => {
      if (isReset) presence.forgetRead(roomId);
      this.#removeStored(roomId);
      this.#sender.sendNext(roomId);
      if (roomId === rooms.activeId) void presence.load(roomId);
    });
    outbox.addEventListener("change", ({ detail: { roomId } }) => {
      this.#removeStored(roomId);
      queueMicrotask(() => this.#sender?.sendNext(roomId));
    });
    rooms.addEventListener("list", () => this.#failUndeliverable());
  }

  /**
   * Read the user's profile once, after the first welcome. The profile that came with the session says `offline`,
   * because the user had no connection at that time.
   */
  async #loadProfile() {
    const { user } = await this.api.get("auth/profile").catch(() => ({ user: null }));
    if (!user || user.id !== this.user?.id) return;
    this.user = user;
    this.#emit("user");
  }

  #removeStored(roomId) {
    const state = this.rooms?.get(roomId);
    if (state && this.outbox.entries(roomId).length > 0) this.outbox.removeStored(roomId, state.timeline);
  }

  /** Unsent messages to rooms that the user has left are kept as failed. */
  #failUndeliverable() {
    const { rooms, outbox, connection } = this;
    if (!connection.isOnline || !rooms.isListed) return;
    for (const { roomId, content } of outbox.failUndeliverable((roomId) => rooms.get(roomId) !== null)) {
      this.#emit("undeliverable", { roomId, content });
    }
  }

  #stop(reason) {
    if (!this.user) return;
    this.connection.stop();
    this.#sender.reset();
    this.outbox.close();
    for (const part of ["user", "connection", "rooms", "presence", "outbox", "settings"]) this[part] = null;
    this.#sender = null;
    this.#emit("ended", { reason });
  }

  #public(path, body) {
    return request(this.#options.fetch, endpoint(this.#options.baseUrl, path), { method: "POST", body });
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  /**
   * Queue a message. Messages of a room are sent in order, as soon as possible. Returns the outbox entry. Throws
   * ChatError `outbox_full`.
   */
  send(roomId, content, { mentions = [] } = {}) {
    this.presence.stopTyping(roomId, { sent: true });
    return this.outbox.add({ roomId, content, mentions });
  }

  /** Send a failed message again. */
  retry(clientId) {
    this.outbox.retry(clientId);
  }

  /** Delete a failed message. */
  discard(clientId) {
    this.outbox.remove(clientId);
  }

  /** The outbox entries of a room, in order. */
  unsent(roomId) {
    return this.outbox.entries(roomId);
  }

  /** The user has read up to `seq`. The unread count changes at once; the server is informed. */
  read(roomId, seq) {
    this.rooms.onRead({ roomId, readSeq: seq, mentionCount: 0 });
    this.presence.read(roomId, seq);
  }

  // ---- rooms and people ---------------------------------------------------------------------------------------------

  /** Make a room the active one and load it. */
  async open(roomId) {
    const state = this.rooms.get(roomId);
    if (state?.isSubscribed) void this.presence.load(roomId); // otherwise `joined` loads it
    await this.rooms.open(roomId);
  }

  /** `fields`: `{name, description, isPrivate, maxUsers}`. Returns the room. */
  async createRoom(fields) {
    return this.#addRoom(await this.api.rooms.create(fields));
  }

  async join(roomId) {
    return this.#addRoom(await this.api.rooms.join(roomId));
  }

  /** The room's name; of a direct room, the other person's name. */
  nameOf(room) {
    return room.kind === "direct" ? (room.peer?.displayName ?? "Direct message") : room.name;
  }

  /** Open the direct room with a person. Returns the room. */
  async direct(userId) {
    return this.#addRoom(await this.api.rooms.direct(userId));
  }

  async leave(roomId) {
    await this.api.rooms.leave(roomId);
    this.rooms.remove(roomId, "left");
  }

  async invite(roomId, userId) {
    this.#addRoom(await this.api.rooms.invite(roomId, userId));
  }

  /** Read a room again: no event reports a changed number of members. */
  async refreshRoom(roomId) {
    const room = await this.api.rooms.get(roomId);
    if (this.rooms?.get(roomId)) this.rooms.onRoom({ room });
  }

  /** One page of the rooms that the user may see: `{rooms, nextCursor}`. */
  findRooms({ q = "", cursor = null } = {}) {
    return this.api.rooms.find({ q, cursor, limit: 30 });
  }

  /** One page of a room's members: `{members, nextCursor}`. */
  members(roomId, { cursor = null } = {}) {
    return this.api.rooms.members(roomId, { cursor, limit: 100 });
  }

  findUsers(q) {
    return this.api.people.find(q, { limit: 20 });
  }

  person(userId) {
    return this.api.people.get(userId);
  }

  /** `status`: online, away, busy or offline; `customStatus`: a short text or null. */
  async setStatus(status, customStatus) {
    await this.connection.command("updatePresence", { status, customStatus });
    this.user = { ...this.user, status, customStatus };
    this.presence.setOwnStatus(this.user.id, this.user.username, status);
    this.#emit("user");
  }

  #addRoom(room) {
    this.rooms.onRoom({ room });
    return room;
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
