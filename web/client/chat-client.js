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
 * Events: see docs/chat-js.md, which describes all that is public. Search, moderation … are methods of
 * `chat.api.messages`, `chat.api.rooms`, `chat.api.people`. What ChatClient inherits: message-client.js,
 * session-client.js.
 */

import { ChatError } from "./chat-error.js";
import { MessageClient } from "./message-client.js";
import { memoryStorage } from "./storage.js";

export { ChatError, memoryStorage };

export const CONTENT_MAX = 2000; // code points

export class ChatClient extends MessageClient {
  /**
   * Make a room the active one and load its newest messages, or those around a seq: `around: "unread"` opens at the
   * first that is unread where more are than a page holds.
   * @param {string} roomId
   * @param {{around?: number | "unread" | null}} [place]
   */
  async open(roomId, place) {
    const { rooms, presence, peers } = this._current;
    void peers.refresh(roomId);
    if (rooms.get(roomId)?.isSubscribed) void presence.load(roomId); // otherwise `joined` loads it
    await rooms.open(roomId, place);
  }

  /**
   * @param {{name: string, description?: string, isPrivate?: boolean, maxUsers?: number}} fields
   * @returns {Promise<import("./types.js").Room>}
   */
  async createRoom(fields) {
    return this.#addRoom(await this.api.rooms.create(fields));
  }

  /**
   * Become a member of a public room.
   * @param {string} roomId
   * @returns {Promise<import("./types.js").Room>}
   */
  async join(roomId) {
    return this.#addRoom(await this.api.rooms.join(roomId));
  }

  /**
   * The room's name; of a direct room, the other person's name.
   * @param {import("./types.js").Room} room
   */
  nameOf(room) {
    return room.kind === "direct" ? (room.peer?.displayName ?? "Direct message") : room.name;
  }

  /**
   * The direct room with a person: the same each time.
   * @param {string} userId
   * @returns {Promise<import("./types.js").Room>}
   */
  async direct(userId) {
    return this.#addRoom(await this.api.rooms.direct(userId));
  }

  /** @param {string} roomId */
  async leave(roomId) {
    await this.api.rooms.leave(roomId);
    this.rooms?.remove(roomId, "left");
  }

  /**
   * @param {string} roomId
   * @param {string} userId
   */
  async invite(roomId, userId) {
    this.#addRoom(await this.api.rooms.invite(roomId, userId));
  }

  /**
   * Read a room again: no event reports a changed number of members.
   * @param {string} roomId
   */
  async refreshRoom(roomId) {
    const room = await this.api.rooms.get(roomId);
    if (this.rooms?.get(roomId)) this.rooms.onRoom({ room });
  }

  /**
   * One page of the rooms that the user may see.
   * @param {{q?: string, cursor?: string | null}} [query]
   * @returns {Promise<{rooms: import("./types.js").Room[], nextCursor: string | null}>}
   */
  findRooms({ q = "", cursor = null } = {}) {
    return this.api.rooms.find({ q, cursor, limit: 30 });
  }

  /**
   * One page of a room's members; with `q`, of those whose user names begin with it.
   * @param {string} roomId
   * @param {{q?: string, cursor?: string | null, limit?: number}} [query]
   * @returns {Promise<{members: import("./types.js").Member[], nextCursor: string | null}>}
   */
  async members(roomId, { q = "", cursor = null, limit = 100 } = {}) {
    const page = await this.api.rooms.members(roomId, { q, cursor, limit });
    this.#note(page.members.map(({ userId: id, displayName }) => ({ id, displayName })));
    return page;
  }

  /**
   * People whose names begin with `q`.
   * @param {string} q
   * @returns {Promise<import("./types.js").User[]>}
   */
  async findUsers(q) {
    return this.#note(await this.api.people.find(q, { limit: 20 }));
  }

  /**
   * @param {string} userId
   * @returns {Promise<import("./types.js").User>}
   */
  async person(userId) {
    const [user] = this.#note([await this.api.people.get(userId)]);
    return user;
  }

  /**
   * Block a person: who opens no direct room with the user and invites them nowhere. Messages stay; a page hides them.
   * @param {string} userId
   */
  async block(userId) {
    await this._current.blocks.block(userId);
  }

  /** @param {string} userId */
  async unblock(userId) {
    await this._current.blocks.unblock(userId);
  }

  /**
   * @param {"online" | "away" | "busy" | "offline"} status
   * @param {string | null} [customStatus] A short text. Left out, it stays.
   */
  async setStatus(status, customStatus) {
    const session = this._current;
    await session.connection.command("updatePresence", { status, customStatus });
    const { id, username } = session.user;
    session.presence.setOwnStatus(id, username, status);
    this.#changeUser(session, customStatus === undefined ? { status } : { status, customStatus });
  }

  /**
   * Make an image the user's avatar.
   * @param {Blob} file
   * @param {import("./types.js").UploadOptions} [options]
   */
  async setAvatar(file, options) {
    const session = this._current;
    this.#changeUser(session, await this.api.files.setAvatar(file, options));
  }

  /**
   * Change the user's own profile, such as the name that others see.
   * @param {{displayName?: string, textColor?: string | null, backgroundColor?: string | null}} fields
   */
  async changeProfile(fields) {
    const session = this._current;
    this.#changeUser(session, await this.api.people.changeProfile(fields));
  }

  async removeAvatar() {
    const session = this._current;
    await this.api.files.removeAvatar();
    this.#changeUser(session, { avatarUrl: null });
  }

  /**
   * The URL of a person's avatar, for pages of the server's own origin; null if there is none.
   * @param {{avatarUrl: string | null}} user
   * @returns {string | null}
   */
  avatarUrl(user) {
    return this.api.files.avatarUrl(user);
  }

  #changeUser(session, fields) {
    session.user = { ...session.user, ...fields };
    if (session.user === this.user) this._emit("user");
  }

  /** Direct rooms have the names of people: what was read of these is new there, too. */
  #note(users) {
    this._peers?.note(users);
    return users;
  }

  #addRoom(room) {
    this.rooms?.onRoom({ room }); // null if the user has logged out meanwhile
    return room;
  }
}
