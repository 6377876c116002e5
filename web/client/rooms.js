/**
 * The user's rooms: the list with unread counts, the subscriptions, and the timelines, which stay complete over
 * reconnects. GET /rooms?mine=true is the source of truth for membership: only rooms on that list are joined.
 */

import { MessageHistory, PAGE } from "./message-history.js";
import { handleRoomEvent } from "./room-events.js";
import { readRoomList } from "./room-list.js";
import { RoomResumption } from "./room-resumption.js";
import { RoomState } from "./room-state.js";

const BACKGROUND_MESSAGES = 200;
const NO_ACCESS = new Set(["room_not_found", "not_member", "banned", "forbidden", "room_full"]);

/**
 * Events: `list` (the list or a count changed), `messages` (detail {roomId}), `closed` (detail {roomId, reason}),
 * `joined` (detail {roomId, isReset}; `isReset`: the server came back from a backup, with fewer messages); and for
 * programs that act on each message: `message` (detail {roomId, message}: each new one of a joined room once, in seq
 * order, also those that a loaded room missed), `truncated` (detail {roomId, since, next}: more were missed than the
 * ack brought, from `since` to `next`, both exclusive), `reset` (detail {roomId}).
 */
export class Rooms extends EventTarget {
  activeId = null;
  isListed = false; // whether the list was read since the connection opened

  #rooms = new Map();
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
    for (const room of rooms) this.add(room);
    this.isListed = true;
    this.#emit("list");
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
    this.#emit("closed", { roomId, reason });
    this.#emit("list");
  }

  // ---- the active room ----------------------------------------------------------------------------------------------

  /**
   * Make a room the active one: subscribe to it and load its newest messages. Throws ChatError; the next connection
   * retries.
   */
  async open(roomId) {
    const before = this.get(this.activeId);
    if (before && before.room.id !== roomId) before.timeline.trim(BACKGROUND_MESSAGES);
    this.activeId = roomId;
    const state = this.get(roomId);
    if (!state) return;
    if (!state.isSubscribed && this.connection.isOnline) await this.subscribe(state);
    await this.load(state);
  }

  /** Load the newest messages of a joined room, unless they are loaded. Throws ChatError. */
  async load(state) {
    if (state.isLoaded || !state.isSubscribed) return;
    await this.history.latest(state);
    state.isLoaded = true;
    this.#emit("messages", { roomId: state.room.id });
  }

  /** Load messages: `direction` is "older", "newer", or "latest" (back to the newest page). Throws ChatError. */
  async loadMore(roomId, direction) {
    const state = this.get(roomId);
    if (!state?.isLoaded) return;
    await this.history[direction](state);
    this.#emit("messages", { roomId });
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
    state.joining ??= this.#join(state).finally(() => {
      state.joining = null;
    });
    await state.joining;
  }

  async #join(state) {
    const roomId = state.room.id;
    const resumes = state.isLoaded ? { since: state.timeline.head, sinceRev: state.timeline.rev } : {};
    /** @type {(() => Promise<void>) | null} */
    let catchUp = null;
    try {
      await this.connection.command(
        "joinRoom",
        { roomId, ...resumes },
        {
          onAck: (ack) => {
            catchUp = this.#onJoined(state, ack);
          },
        },
      );
      if (catchUp !== null) await catchUp();
    } catch (error) {
      if (!NO_ACCESS.has(error.code)) throw error;
      this.remove(roomId, error.code);
      return;
    }
    this.#emit("messages", { roomId });
  }

  /** Apply the ack of joinRoom. Returns a function that loads what the ack left out, or null. */
  #onJoined(state, ack) {
    const { timeline } = state;
    const roomId = state.room.id;
    const held = timeline.messages;
    const since = timeline.head;
    const isReset = ack.reset || ack.seq < since; // a room that is not loaded was joined without `since`
    if (isReset) state.forget();
    this.add(ack.room);
    const isShown = roomId === this.activeId;
    const wasLoaded = state.isLoaded;
    let catchUp = null;
    if (!state.isLoaded || isReset || ack.changesTruncated) {
      timeline.reset(ack);
      if (state.isLoaded && isShown) catchUp = () => this.load(state);
      state.isLoaded = false; // until it is loaded again: if that fails, the next try does it
    } else {
      timeline.resume(ack);
      if (ack.truncated && isShown) catchUp = () => this.history.fill(state, { since, held });
    }
    state.isSubscribed = true; // last: a room whose ack cannot be applied is joined again
    state.updateCounts();
    this.#emit("list");
    this.#emit("messages", { roomId });
    this.#emit("joined", { roomId, isReset });
    if (isReset) this.#emit("reset", { roomId });
    else if (wasLoaded) this.#emitMissed(roomId, since, ack);
    return catchUp;
  }

  #emitMissed(roomId, since, { missed, truncated }) {
    const fresh = missed.filter(({ seq }) => seq > since);
    if (truncated) this.#emit("truncated", { roomId, since, next: fresh[0]?.seq ?? null });
    for (const message of fresh) this.#emit("message", { roomId, message });
  }

  // ---- events -------------------------------------------------------------------------------------------------------

  /** Handle a message from an event or an ack. */
  receive(message) {
    const state = this.get(message.roomId);
    if (!state) return;
    const outcome = state.isSubscribed ? state.timeline.receive(message) : "counted";
    if (outcome === "gap") return void this.subscribe(state).catch(() => {});
    state.countMessage(message, this.userId);
    if (!state.isLoaded) state.timeline.trim(PAGE);
    this.#emit("messages", { roomId: message.roomId });
    if (outcome !== "old") this.#emit("message", { roomId: message.roomId, message });
    this.#emit("list");
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
    const before = state?.timeline.get(message.seq) ?? null;
    if (!state || !apply(state.timeline)) return;
    this.#emit("messages", { roomId });
    if (message.deletedAt && state.uncountMention(before, this.userId)) this.#emit("list");
  }

  /** Handle roomActivity: rooms that this connection has not joined have new messages. */
  onActivity({ rooms }) {
    const isNews = rooms.map(({ roomId, lastSeq }) => this.get(roomId)?.noteHead(lastSeq)).some(Boolean);
    if (isNews) this.#emit("list");
  }

  onRoom({ room }) {
    const state = this.get(room.id);
    this.add(room);
    this.#emit("list");
    if (
      !state &&
      this.connection.isOnline &&
      this.all.filter((one) => one.isSubscribed).length < this.subscriptionsMax
    ) {
      this.joinMissing();
    }
  }

  onMention({ message }) {
    if (this.get(message.roomId)?.countMention(message)) this.#emit("list");
  }

  /** Handle a read mark from the server or from this page. */
  onRead({ roomId, readSeq, mentionCount }) {
    if (this.get(roomId)?.markRead({ readSeq, mentionCount })) this.#emit("list");
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
