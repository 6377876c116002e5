/**
 * The user's rooms: the list with unread counts, the subscriptions, and the timelines, which stay complete over
 * reconnects. GET /rooms?mine=true is the source of truth for membership: only rooms on that list are joined.
 */

import { MessageHistory, PAGE } from "./message-history.js";
import { handleRoomEvent } from "./room-events.js";
import { readRoomList } from "./room-list.js";
import { RoomJoining } from "./room-joining.js";
import { RoomResumption } from "./room-resumption.js";
import { RoomPreviews } from "./room-previews.js";
import { noteOpened, restoreInto, snapshotOf } from "./room-snapshot.js";
import { RoomState } from "./room-state.js";

const BACKGROUND = 200; // messages of a loaded room that is not the active one

/**
 * Events: `list` (the list or a count changed), `messages` (detail {roomId}), `closed` (detail {roomId, reason}),
 * `joined` (detail {roomId, isReset}; `isReset`: the server came back from a backup, with fewer messages); and for
 * programs that act on each message: `message` (detail {roomId, message}: each new one of a joined room once, in seq
 * order, also those that a loaded room missed), `truncated` (detail {roomId, since, next}: more were missed than the
 * ack brought, from `since` to `next`, both exclusive), `reset` (detail {roomId}), `mention` (detail {roomId,
 * message}); `changed` (detail {message}: a newer copy of a message, loaded or not).
 */
export class Rooms extends EventTarget {
  activeId = null;
  isListed = false; // whether the list was read since the connection opened
  /** @type {string[]} */
  openedIds = []; // of the rooms that were opened, the latest first; bounded

  #rooms = new Map();
  #joining;
  #previews;
  #listing = 0;

  constructor({
    connection,
    api,
    userId,
    requiredRoomIds = () => [],
    subscriptionsMax = 20,
    timelineMax = 2000,
    random = Math.random,
  }) {
    super();
    this.connection = connection;
    this.api = api;
    this.userId = userId;
    this.requiredRoomIds = requiredRoomIds; // joined even beyond `subscriptionsMax`: rooms with unsent messages
    this.subscriptionsMax = subscriptionsMax;
    this.timelineMax = timelineMax;
    this.history = new MessageHistory({ api });
    this.#previews = new RoomPreviews({ api, rooms: this });
    this.#joining = new RoomJoining({ connection, rooms: this, history: this.history });
    this.resumption = new RoomResumption({ connection, rooms: this, random });
    connection.addEventListener("event", ({ detail }) => handleRoomEvent(this, detail));
  }

  get all() {
    return [...this.#rooms.values()];
  }

  get(roomId) {
    return this.#rooms.get(roomId) ?? null;
  }

  get totals() {
    const counts = this.all.map((state) => [state.unread, state.mentions]);
    return {
      unread: counts.reduce((sum, [unread]) => sum + unread, 0),
      mentions: counts.reduce((sum, [, one]) => sum + one, 0),
    };
  }

  // ---- the list -----------------------------------------------------------------------------------------------------

  /** Read the list. Throws ChatError. */
  async refresh() {
    const listing = ++this.#listing;
    const { rooms, isComplete } = await readRoomList(this.api);
    const ids = new Set(rooms.map((room) => room.id));
    for (const [id, { listing: since }] of this.#rooms) {
      if (!ids.has(id) && since < listing && isComplete) this.remove(id, "left");
    }
    for (const room of rooms) this.add(room).confirm();
    this.isListed = true;
    this.emit("list");
  }

  /** Add or update a room of which the user is a member. */
  add(room) {
    const state = this.#rooms.get(room.id);
    if (!state) {
      this.#rooms.set(room.id, new RoomState(room, { timelineMax: this.timelineMax, listing: this.#listing }));
      return this.#rooms.get(room.id);
    }
    state.update(room);
    return state;
  }

  /** Remove a room: the user left, was removed or banned, or the room was deleted. */
  remove(roomId, reason) {
    if (!this.#rooms.delete(roomId)) return;
    if (this.activeId === roomId) this.activeId = null;
    this.emit("closed", { roomId, reason });
    this.emit("list");
  }

  /**
   * The last message of a room, for a preview; `lastMessage` of the room has it then. Asks the server only where it is
   * not held, four at once. Throws ChatError.
   */
  loadPreview(roomId) {
    return this.#previews.load(roomId);
  }

  /** What a page may store, and `restore` when it starts again: see room-snapshot.js. */
  snapshot() {
    return snapshotOf(this);
  }

  /** Show what a snapshot has until the list is read, in which case this does nothing. */
  restore(snapshot) {
    if (this.isListed) return;
    restoreInto(this, snapshot);
    this.emit("list");
    for (const { room, isLoaded, isStale } of this.all)
      if (isLoaded && isStale) this.emit("messages", { roomId: room.id });
  }

  // ---- the active room ----------------------------------------------------------------------------------------------

  /**
   * Make a room the active one: subscribe to it and load its newest messages. `around`: load those around this seq
   * instead, or, "unread", around the first that is unread where more are than a page holds. Throws ChatError; it is
   * tried again, with backoff or by the next connection, as long as the room is active.
   * @param {string} roomId
   * @param {{around?: number | "unread" | null}} [place]
   */
  async open(roomId, { around = null } = {}) {
    const before = this.get(this.activeId);
    if (before && before.room.id !== roomId) before.timeline.trim(BACKGROUND);
    this.activeId = roomId;
    noteOpened(this.openedIds, roomId);
    const state = this.get(roomId);
    if (!state) return;
    state.wanted = around;
    try {
      if (!state.isSubscribed && this.connection.isOnline) await this.subscribe(state);
      await this.load(state);
    } catch (error) {
      this.resumption.tryAgain(error);
      throw error;
    }
  }

  /** Load the messages of a joined room that are wanted, the newest by default, unless they are. Throws ChatError. */
  async load(state) {
    if (!state.isSubscribed) return;
    const { room, loadError } = state;
    const isNew = await this.history.load(state).finally(() => {
      if (state.loadError !== loadError) this.emit("messages", { roomId: room.id });
    });
    if (isNew) this.emit("messages", { roomId: room.id });
  }

  /**
   * Show the messages around a seq: the timeline is detached if the newest are not among them, and `loadMore` goes on
   * at both ends. Throws ChatError.
   */
  async loadAround(roomId, seq) {
    const state = this.get(roomId);
    if (!state) return;
    state.wanted = seq;
    await this.load(state);
  }

  /** Load messages: `direction` is "older", "newer", or "latest" (back to the newest page). Throws ChatError. */
  async loadMore(roomId, direction) {
    const state = this.get(roomId);
    if (!state?.isLoaded) return;
    await this.history[direction](state);
    this.emit("messages", { roomId });
  }

  // ---- subscriptions ------------------------------------------------------------------------------------------------

  /** The connection is down: nothing is subscribed, and the list may be old. */
  onOffline() {
    this.isListed = false;
    for (const state of this.all) {
      state.isSubscribed = false;
      state.takeAnyRev();
    }
  }

  /** Join the rooms of unsent messages soon; if that fails, it is tried again. */
  joinMissing() {
    this.resumption.joinMissing();
  }

  /**
   * Join over the WebSocket; the ack brings the missed messages. Throws ChatError if the error may pass; a room that
   * the user may not enter is removed.
   */
  async subscribe(state) {
    state.joining ??= this.#joining.join(state).finally(() => {
      state.joining = null;
    });
    await state.joining;
  }

  // ---- events -------------------------------------------------------------------------------------------------------

  /** Handle a message from an event or an ack. */
  receive(message) {
    const state = this.get(message.roomId);
    if (!state) return;
    const outcome = state.isSubscribed ? state.timeline.receive(message) : "counted";
    if (outcome === "gap") return void this.subscribe(state).catch(() => {});
    state.countMessage(message, this.userId);
    if (!state.isLoaded || message.roomId !== this.activeId) state.timeline.trim(state.isLoaded ? BACKGROUND : PAGE);
    this.emit("messages", { roomId: message.roomId });
    if (outcome !== "old") this.emit("message", { roomId: message.roomId, message });
    this.emit("list");
  }

  onChange({ roomId, rev, message }) {
    this.#showChange(roomId, message, (timeline) => timeline.change(rev, message));
  }

  /** Show a changed message from a reply. Its rev says nothing of the changes before it, which may be on their way. */
  show(message) {
    this.#showChange(message.roomId, message, (timeline) => timeline.show(message));
  }

  #showChange(roomId, message, apply) {
    const state = this.get(roomId);
    const before = state?.timeline.stored(message.seq) ?? null;
    if (!state) return;
    this.emit("changed", { message });
    const isPreviewed = state.changePreview(message);
    const isShown = apply(state.timeline);
    if (isShown) this.emit("messages", { roomId });
    const isCounted = isShown && message.deletedAt && state.uncountMention(before, this.userId);
    if (isCounted || isPreviewed || (isShown && message.seq === state.lastMessage?.seq)) this.emit("list");
  }

  /** The loaded message with this id, as the server has it, or null. */
  findMessage(messageId) {
    return this.all.map(({ timeline }) => timeline.held.find(({ id }) => id === messageId)).find(Boolean) ?? null;
  }

  /**
   * Show a message with these fields until the function that this returns is called.
   * @param {{roomId: string, seq: number}} message
   * @param {import("./overlays.js").Change} change
   * @returns {() => void}
   */
  overlay({ roomId, seq }, change) {
    const end = this.get(roomId)?.timeline.overlay(seq, change);
    this.emit("messages", { roomId });
    return () => void (end?.() && this.emit("messages", { roomId }));
  }

  /** Handle roomActivity: rooms that this connection has not joined have new messages. */
  onActivity({ rooms }) {
    const isNews = rooms.map(({ roomId, lastSeq }) => this.get(roomId)?.noteHead(lastSeq)).some(Boolean);
    if (isNews) this.emit("list");
  }

  onRoom({ room }) {
    const state = this.get(room.id);
    this.add(room);
    this.emit("list");
    if (
      !state &&
      this.connection.isOnline &&
      this.all.filter((one) => one.isSubscribed).length < this.subscriptionsMax
    ) {
      this.joinMissing();
    }
  }

  onMention({ message }) {
    const isNew = this.get(message.roomId)?.countMention(message);
    this.emit("mention", { roomId: message.roomId, message });
    if (isNew) this.emit("list");
  }

  /** Handle a read mark from the server or, without counts, from this page. */
  onRead({ roomId, ...mark }) {
    if (this.get(roomId)?.markRead(mark, this.userId)) this.emit("list");
  }

  /** For the parts of this class. */
  emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
