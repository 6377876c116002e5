/**
 * One user who is logged in: the connection, the rooms, the outbox and what ties them together. ChatClient makes one at
 * each login and closes it at the logout, after which nothing of it is heard any more.
 */

import { endpoint } from "./api-request.js";
import { Blocks } from "./blocks.js";
import { MessageChanges } from "./message-changes.js";
import { MessageOutbox } from "./message-outbox.js";
import { MessageSender } from "./message-resend.js";
import { Presence } from "./presence.js";
import { Connection } from "./reconnecting-connection.js";
import { RoomPeers } from "./room-peers.js";
import { Rooms } from "./rooms.js";
import { Settings } from "./settings.js";
import { Threads } from "./threads.js";

const SNAPSHOT_VERSION = 1;
const LOOK_AGAIN_MS = 5000;
const NO_MEMBER = new Set(["room_not_found", "not_member", "banned", "forbidden"]);

/** Events: those of ChatClient, but `ended`. */
export class ChatSession extends EventTarget {
  #sender;
  #api;
  #timed;
  #hasProfile = false;
  #lookAgainAt = new Map(); // roomId of unsent messages → when it may be looked for again, on the clock `timed`
  #closing = new AbortController();

  /** `options`: those of ChatClient, complete. */
  constructor({ user, api, tokens, options }) {
    super();
    const { baseUrl, storage, storagePrefixes, locks, random, now, timed, WebSocket } = options;
    this.user = user;
    this.#api = api;
    this.#timed = timed;
    const url = endpoint(baseUrl.replace(/^http/, "ws"), "ws").href;
    this.connection = new Connection({ url, tokens, WebSocket, random, now, timed });
    const stored = { storage, locks, prefixes: storagePrefixes, userId: user.id };
    this.outbox = new MessageOutbox({ ...stored, max: options.outboxMax, now });
    this.rooms = new Rooms({
      connection: this.connection,
      api,
      userId: user.id,
      requiredRoomIds: () => this.outbox.roomIds,
      subscriptionsMax: options.subscriptionsMax,
      timelineMax: options.timelineMax,
      random,
    });
    const { connection, rooms } = this;
    this.peers = new RoomPeers({ rooms, people: api.people, timed });
    this.threads = new Threads({ rooms, api: api.messages });
    this.changes = new MessageChanges({ connection, rooms, threads: this.threads, userId: user.id, now });
    this.presence = new Presence({ connection: this.connection, timed });
    this.blocks = new Blocks({ connection: this.connection, people: api.people });
    this.settings = new Settings({ connection: this.connection, people: api.people });
    const isReady = (roomId) => this.rooms.get(roomId)?.isSubscribed ?? false;
    this.#sender = new MessageSender({ connection: this.connection, outbox: this.outbox, isReady, random, now, timed });
    this.#forward();
    this.#connect();
  }

  /** What a page may store for its next start. */
  snapshot() {
    const { user, settings, blocks, rooms } = this;
    const own = { user, settings: settings.value, blocks: [...blocks.userIds] };
    return { version: SNAPSHOT_VERSION, ...own, ...rooms.snapshot() };
  }

  /** Show what a snapshot has until the server has told what is true. False if it is another user's, or none. */
  restore(snapshot) {
    if (snapshot?.version !== SNAPSHOT_VERSION || snapshot.user?.id !== this.user.id) return false;
    if (!this.#hasProfile) {
      this.user = { ...snapshot.user };
      this.#emit("user");
    }
    this.settings.restore(snapshot.settings);
    this.blocks.restore(snapshot.blocks);
    this.rooms.restore(snapshot);
    return true;
  }

  async start() {
    await this.outbox.open();
    if (!this.#isClosed) this.connection.start();
  }

  /** Close the connection, its timers, and the locks of the storage, in which unsent messages stay. Idempotent. */
  close() {
    if (this.#isClosed) return;
    this.#closing.abort();
    this.connection.stop();
    this.#sender.reset();
    this.outbox.close();
    this.threads.clear();
  }

  get #isClosed() {
    return this.#closing.signal.aborted;
  }

  #on(part, name, work) {
    part.addEventListener(name, ({ detail }) => work(detail ?? {}), { signal: this.#closing.signal });
  }

  #forward() {
    const { connection, outbox, rooms, threads, presence, settings, blocks } = this;
    const forward = (part, name, as = name) => this.#on(part, name, (detail) => this.#emit(as, detail));
    this.#on(connection, "state", () => {
      if (!connection.isOnline) this.#sender.reset();
      this.#emit("state", { state: connection.state, reason: connection.reason });
    });
    const ofRooms = ["list", "messages", "message", "mention", "truncated", "reset", "closed"];
    for (const name of ofRooms) forward(rooms, name);
    for (const name of ["people", "typing"]) forward(presence, name);
    forward(threads, "thread");
    forward(outbox, "change", "outbox");
    forward(outbox, "saved");
    forward(settings, "change", "settings");
    forward(blocks, "change", "blocks");
  }

  #connect() {
    const { connection, outbox, rooms, presence } = this;
    this.#on(connection, "welcome", () => this.#loadProfile());
    this.#api.messages.onChanged = (message) => rooms.show(message);
    this.#on(rooms, "messages", ({ roomId }) => this.#removeStored(roomId));
    this.#on(rooms, "joined", ({ roomId, isReset }) => {
      if (isReset) presence.forgetRead(roomId);
      if (isReset) outbox.requeueSent(roomId);
      this.#removeStored(roomId);
      this.#sender.sendNext(roomId);
      if (roomId === rooms.activeId) void presence.load(roomId);
    });
    this.#on(presence, "read", (mark) => rooms.onRead(mark));
    this.#on(rooms, "closed", ({ roomId }) => presence.forget(roomId));
    this.#on(rooms, "list", () => this.#findRoomsOfUnsent());
    this.#on(outbox, "change", ({ roomId }) => {
      this.#removeStored(roomId);
      queueMicrotask(() => this.#sendNext(roomId));
    });
  }

  #sendNext(roomId) {
    if (this.#isClosed) return;
    this.#sender.sendNext(roomId);
    this.#findRoomsOfUnsent();
  }

  /**
   * Read the user's profile once, after the first welcome. The profile that came with the session says `offline`,
   * because the user had no connection at that time.
   */
  async #loadProfile() {
    if (this.#hasProfile) return;
    const { user } = await this.#api.get("auth/profile").catch(() => ({ user: null }));
    if (this.#isClosed || user?.id !== this.user.id) return;
    this.user = user;
    this.#hasProfile = true;
    this.#emit("user");
  }

  #removeStored(roomId) {
    const state = this.rooms.get(roomId);
    if (state && this.outbox.entries(roomId).length > 0) this.outbox.removeStored(roomId, state.timeline);
  }

  /** Join the rooms of unsent messages: of a closed page, or beyond the number of rooms that are joined anyway. */
  #findRoomsOfUnsent() {
    if (!this.connection.isOnline || !this.rooms.isListed) return;
    for (const roomId of this.outbox.waitingRoomIds) {
      const state = this.rooms.get(roomId);
      if (!state) void this.#findRoom(roomId);
      else if (!state.isSubscribed) this.rooms.joinMissing();
    }
  }

  /** The list may not have the room yet, or be cut. Messages to a room that the user has left are kept as failed. */
  async #findRoom(roomId) {
    if (this.#timed() < (this.#lookAgainAt.get(roomId) ?? 0)) return;
    this.#lookAgainAt.set(roomId, Infinity);
    try {
      const room = await this.#api.rooms.get(roomId);
      if (this.#isClosed) return;
      if (room.role) this.rooms.onRoom({ room });
      else this.#failUndeliverable(roomId);
      this.#lookAgainAt.delete(roomId);
    } catch (error) {
      if (!this.#isClosed && NO_MEMBER.has(error.code)) this.#failUndeliverable(roomId);
      this.#lookAgainAt.set(roomId, this.#timed() + LOOK_AGAIN_MS);
    }
  }

  #failUndeliverable(roomId) {
    if (this.rooms.get(roomId)) return;
    for (const { content } of this.outbox.failUndeliverable(roomId)) this.#emit("undeliverable", { roomId, content });
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
