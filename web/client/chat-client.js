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
 * Events: see docs/chat-js.md, which describes all that is public. Edits, search, moderation … are methods of
 * `chat.api.messages`, `chat.api.rooms`, `chat.api.people`.
 */

import { endpoint, request } from "./api-request.js";
import { Api } from "./api.js";
import { ChatError } from "./chat-error.js";
import { withDefaults } from "./client-options.js";
import { ChatSession } from "./chat-session.js";
import { listenToPage } from "./page-signals.js";
import { memoryStorage } from "./storage.js";
import { Tokens } from "./tokens.js";

export { ChatError, memoryStorage };

export const CONTENT_MAX = 2000; // code points

const EVENTS = [
  ...["state", "list", "messages", "message", "truncated", "reset", "closed", "people", "typing"],
  ...["outbox", "saved", "undeliverable", "user", "settings"],
];

export class ChatClient extends EventTarget {
  #session = null; // null while nobody is logged in
  #options;
  #closing = new AbortController();

  /** `options`: see `client-options.js`; in a browser none is needed. Throws TypeError if one is missing. */
  constructor(options = {}) {
    super();
    this.#options = withDefaults(options);
    const { baseUrl, fetch, XMLHttpRequest, storage, storagePrefixes, locks, now } = this.#options;
    const refresh = (refreshToken) => this.#public("auth/refresh", { refreshToken });
    this.tokens = new Tokens({ storage, prefix: storagePrefixes[0], locks, now, refresh });
    this.api = new Api({ baseUrl, fetch, XMLHttpRequest, tokens: this.tokens });
    this.tokens.addEventListener("ended", () => this.#stop("ended"));
    this.tokens.addEventListener("changed", () => this.#stop("changed"));
    listenToPage({
      signal: this.#closing.signal,
      onStorage: (key) => this.user && this.tokens.storageChanged(key, this.user.id),
      onWake: () => this.connection?.wake(),
    });
  }

  /** The user's own profile, or null. */
  get user() {
    return this.#session?.user ?? null;
  }

  // The parts of the session are null while nobody is logged in.

  get connection() {
    return this.#session?.connection ?? null;
  }

  get rooms() {
    return this.#session?.rooms ?? null;
  }

  get presence() {
    return this.#session?.presence ?? null;
  }

  get outbox() {
    return this.#session?.outbox ?? null;
  }

  get settings() {
    return this.#session?.settings ?? null;
  }

  /** The same as `connection`: its name in earlier versions. */
  get link() {
    return this.connection;
  }

  /** Whether unsent messages survive a reload: false where the storage is full, or the browser refuses it. */
  get keepsUnsent() {
    return this.#options.isPersistent && (this.outbox?.isSaved ?? true);
  }

  // ---- session ------------------------------------------------------------------------------------------------------

  /** Continue the stored session; false if there is none. */
  async resume() {
    const stored = this.tokens.read();
    if (stored) await this.#start(stored.user);
    return stored !== null;
  }

  /** `fields`: `{username, email, password}`. Throws ChatError, as do all methods that send a request. */
  async register(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/register", fields)).user);
  }

  /** `fields`: `{username or email, password}`. */
  async login(fields) {
    await this.#start(this.tokens.adopt(await this.#public("auth/login", fields)).user);
  }

  /** End the session here, and on the server if it can be reached. Unsent messages stay stored for the next login. */
  async logout() {
    await this.api.post("auth/logout").catch(() => {});
    this.tokens.clear();
  }

  /**
   * Disconnect and free everything, without logging out: as if the page were closed. The client cannot be used again;
   * another one may `resume` the session.
   */
  close() {
    this.#closing.abort();
    this.api.files.close();
    this.#session?.close();
    this.#session = null;
  }

  async #start(user) {
    if (this.#closing.signal.aborted) throw new ChatError({ code: "closed", message: "The client was closed." });
    this.#session?.close();
    const session = new ChatSession({ user, api: this.api, tokens: this.tokens, options: this.#options });
    this.#session = session;
    for (const name of EVENTS) session.addEventListener(name, ({ detail }) => this.#emit(name, detail));
    await session.start();
  }

  #stop(reason) {
    if (!this.#session) return;
    this.#session.close();
    this.#session = null;
    this.#emit("ended", { reason });
  }

  /** The session while somebody is logged in. Throws ChatError `unauthorized`. */
  get #current() {
    if (this.#session) return this.#session;
    throw new ChatError({ code: "unauthorized", message: "Nobody is logged in.", status: 401 });
  }

  #public(path, body) {
    return request(this.#options.fetch, endpoint(this.#options.baseUrl, path), { method: "POST", body });
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  /**
   * Queue a message. Messages of a room are sent in order, as soon as possible. Returns the outbox entry. `fields`:
   * `{mentions, attachments (files of `upload`), replyToId, threadId}`. Throws ChatError `outbox_full`.
   */
  send(roomId, content, fields = {}) {
    const { presence, outbox } = this.#current;
    presence.stopTyping(roomId, { sent: true });
    return outbox.add({ ...fields, roomId, content });
  }

  /** Upload a Blob or File, to be attached to messages. See `FileApi.upload` for `options`. Returns the file. */
  upload(file, options) {
    return this.api.files.upload(file, options);
  }

  /** The URL of a file, or with `{thumbnail: true}` of its thumbnail, for pages of the server's own origin; or null. */
  fileUrl(file, options) {
    return this.api.files.url(file, options);
  }

  /** Download a file, for pages of other origins: `{blob, url, revoke()}`. See `FileApi.fetch` for `options`. */
  fetchFile(file, options) {
    return this.api.files.fetch(file, options);
  }

  /** Send a failed message again. */
  retry(clientId) {
    this.#current.outbox.retry(clientId);
  }

  /** Delete a failed message. */
  discard(clientId) {
    this.#current.outbox.remove(clientId);
  }

  /** The outbox entries of a room, in order. */
  unsent(roomId) {
    return this.outbox?.entries(roomId) ?? [];
  }

  /** The user has read up to `seq`. The unread count changes at once; the server is informed. */
  read(roomId, seq) {
    const { rooms, presence } = this.#current;
    rooms.onRead({ roomId, readSeq: seq, mentionCount: 0 });
    presence.read(roomId, seq);
  }

  // ---- rooms and people ---------------------------------------------------------------------------------------------

  /** Make a room the active one and load it. */
  async open(roomId) {
    const { rooms, presence } = this.#current;
    if (rooms.get(roomId)?.isSubscribed) void presence.load(roomId); // otherwise `joined` loads it
    await rooms.open(roomId);
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
    this.rooms?.remove(roomId, "left");
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
    const session = this.#current;
    await session.connection.command("updatePresence", { status, customStatus });
    session.user = { ...session.user, status, customStatus };
    session.presence.setOwnStatus(session.user.id, session.user.username, status);
    if (session === this.#session) this.#emit("user");
  }

  /** Make an image the user's avatar. `options` as for `upload`. */
  async setAvatar(file, options) {
    const session = this.#current;
    session.user = { ...session.user, ...(await this.api.files.setAvatar(file, options)) };
    if (session === this.#session) this.#emit("user");
  }

  #addRoom(room) {
    this.rooms?.onRoom({ room }); // null if the user has logged out meanwhile
    return room;
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
