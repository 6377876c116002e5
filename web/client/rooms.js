/**
 * One's rooms: the list with what is unread, subscriptions, and what each room shows, kept whole over every reconnect.
 * GET /rooms?mine=true has the truth about membership; a room is only joined over the link if it is on that list.
 */

import { History, PAGE } from "./history.js";
import { backoffMs } from "./retry.js";
import { Timeline } from "./timeline.js";

const LIST_PAGES_MAX = 5; // of 100
const BACKGROUND_MESSAGES = 200;
const NO_ACCESS = new Set(["room_not_found", "not_member", "banned", "forbidden", "room_full"]);

/** What is known of one room. `room` has the contract's shape, kept up to date. */
export class RoomState {
  isSubscribed = false;
  isLoaded = false; // whether the timeline holds history, not only what came live
  joining = null;

  constructor(room, { timelineMax, listing }) {
    this.room = room;
    this.listing = listing; // the number of the listing it was added after
    this.mentionSeq = room.lastSeq; // up to where `mentionCount` counts
    this.timeline = new Timeline({ max: timelineMax });
  }

  get unread() {
    return Math.max(0, this.room.lastSeq - (this.room.readSeq ?? 0));
  }

  get mentions() {
    return this.unread ? (this.room.mentionCount ?? 0) : 0;
  }
}

/**
 * Events: `list` (the list or its counts), `messages` (detail {roomId}), `closed` (detail {roomId, reason}), `joined`
 * (detail {roomId}).
 */
export class Rooms extends EventTarget {
  activeId = null;
  isListed = false; // whether the list was read over this connection

  #rooms = new Map();
  #listing = 0;
  #turn = 0; // of the link: what an older connection began is not gone on with
  #tries = 0;
  #timer = null;

  constructor({
    link,
    api,
    userId,
    wanted = () => [],
    subscriptionsMax = 20,
    timelineMax = 2000,
    random = Math.random,
  }) {
    super();
    this.link = link;
    this.api = api;
    this.userId = userId;
    this.wanted = wanted; // ids of rooms that must be joined whatever the bound: those with unsent messages
    this.subscriptionsMax = subscriptionsMax;
    this.timelineMax = timelineMax;
    this.random = random;
    this.history = new History({ api });
    link.addEventListener("welcome", () => this.#resume());
    link.addEventListener("state", () => this.#linkChanged());
    link.addEventListener("event", ({ detail }) => EVENTS[detail.event]?.(this, detail.data));
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

  /** Read the list anew. Throws ChatError. */
  async refresh() {
    const listing = ++this.#listing;
    const found = [];
    let cursor = null;
    for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
      const reply = await this.api.get("rooms", { mine: true, limit: 100, cursor });
      found.push(...reply.rooms);
      cursor = reply.nextCursor;
      if (!cursor) break;
    }
    const ids = new Set(found.map((room) => room.id));
    for (const [id, { listing: since }] of this.#rooms) {
      if (!ids.has(id) && since < listing && !cursor) this.drop(id, "left");
    }
    for (const room of found) this.add(room);
    this.isListed = true;
    this.#tell("list");
  }

  /** A room that one is a member of. */
  add(room) {
    const state = this.#rooms.get(room.id);
    if (!state) {
      this.#rooms.set(room.id, new RoomState(room, { timelineMax: this.timelineMax, listing: this.#listing }));
      return this.#rooms.get(room.id);
    }
    const { lastSeq, readSeq } = state.room;
    Object.assign(state.room, room, {
      lastSeq: Math.max(lastSeq, room.lastSeq),
      readSeq: Math.max(readSeq ?? 0, room.readSeq ?? 0),
    });
    state.mentionSeq = Math.max(state.mentionSeq, room.lastSeq);
    this.#seen(state);
    return state;
  }

  /** Forget a room: left, removed, banned or deleted. */
  drop(roomId, reason) {
    if (!this.#rooms.delete(roomId)) return;
    if (this.activeId === roomId) this.activeId = null;
    this.#tell("closed", { roomId, reason });
    this.#tell("list");
  }

  // ---- showing one --------------------------------------------------------------------------------------------------

  /**
   * Show a room: subscribe, and have its newest messages. Throws ChatError; then it is tried again with the next
   * connection.
   */
  async open(roomId) {
    const before = this.get(this.activeId);
    if (before && before.room.id !== roomId) before.timeline.trim(BACKGROUND_MESSAGES);
    this.activeId = roomId;
    const state = this.get(roomId);
    if (!state) return;
    if (!state.isSubscribed && this.link.isOnline) await this.#subscribe(state);
    await this.#load(state);
  }

  async #load(state) {
    if (state.isLoaded || !state.isSubscribed) return;
    await this.history.latest(state);
    state.isLoaded = true;
    this.#tell("messages", { roomId: state.room.id });
  }

  /** More of the active room: "older", "newer", or "latest" after having looked far back. Throws ChatError. */
  async more(roomId, which) {
    const state = this.get(roomId);
    if (!state?.isLoaded) return;
    await this.history[which](state);
    this.#tell("messages", { roomId });
  }

  // ---- subscriptions ------------------------------------------------------------------------------------------------

  #linkChanged() {
    if (this.link.isOnline) return;
    this.#turn += 1;
    this.isListed = false;
    clearTimeout(this.#timer);
    for (const state of this.all) state.isSubscribed = false;
  }

  async #resume() {
    const turn = this.#turn;
    try {
      await this.refresh();
      if (turn !== this.#turn) return;
      this.#tries = 0;
      for (const state of this.#toSubscribe()) {
        if (turn !== this.#turn) return;
        if (!state.isSubscribed) await this.#subscribe(state);
        if (state.room.id === this.activeId) await this.#load(state);
      }
    } catch (error) {
      if (turn === this.#turn) this.#again(error);
    }
  }

  #again(error) {
    const delay = error.retryAfterS ? error.retryAfterS * 1000 : 1000 + backoffMs(this.#tries, { random: this.random });
    this.#tries += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#resume(), delay);
  }

  #toSubscribe() {
    const first = [this.activeId, ...this.wanted()].map((id) => this.get(id)).filter(Boolean);
    const rest = this.all.filter((state) => !first.includes(state));
    return [...new Set([...first, ...rest])].slice(0, Math.max(first.length, this.subscriptionsMax));
  }

  /**
   * Join over the link; what was missed comes with it. Throws ChatError that may pass; a room that is closed to us is
   * dropped.
   */
  async #subscribe(state) {
    state.joining ??= this.#join(state).finally(() => {
      state.joining = null;
    });
    await state.joining;
  }

  async #join(state) {
    const roomId = state.room.id;
    const resumes = state.isLoaded ? { since: state.timeline.head, sinceRev: state.timeline.rev } : {};
    let catchUp = null;
    try {
      await this.link.command(
        "joinRoom",
        { roomId, ...resumes },
        {
          onAck: (ack) => {
            catchUp = this.#joined(state, ack);
          },
        },
      );
      await catchUp?.();
    } catch (error) {
      if (!NO_ACCESS.has(error.code)) throw error;
      this.drop(roomId, error.code);
      return;
    }
    this.#tell("messages", { roomId });
  }

  /** The ack of joinRoom; returns what is still to be fetched, or null. */
  #joined(state, ack) {
    const { timeline } = state;
    const roomId = state.room.id;
    const held = timeline.messages;
    const since = timeline.head;
    this.add(ack.room);
    const isShown = roomId === this.activeId;
    let catchUp = null;
    if (!state.isLoaded || ack.reset || ack.changesTruncated) {
      if (ack.reset) state.room.lastSeq = ack.seq;
      timeline.reset(ack);
      if (state.isLoaded && isShown) catchUp = () => this.history.latest(state);
      else state.isLoaded = false;
    } else {
      timeline.resume(ack);
      if (ack.truncated && isShown) catchUp = () => this.history.fill(state, { since, held });
    }
    state.isSubscribed = true; // not before: a room whose ack cannot be taken in is joined again
    this.#seen(state);
    this.#tell("list");
    this.#tell("messages", { roomId });
    this.#tell("joined", { roomId });
    return catchUp;
  }

  // ---- what comes ---------------------------------------------------------------------------------------------------

  /** A message, live or from an ack. */
  receive(message) {
    const state = this.get(message.roomId);
    if (!state) return;
    const outcome = state.isSubscribed ? state.timeline.receive(message) : "counted";
    if (outcome === "gap") return void this.#subscribe(state).catch(() => {});
    this.#noteHead(state, message);
    if (!state.isLoaded) state.timeline.trim(PAGE);
    this.#tell("messages", { roomId: message.roomId });
    this.#tell("list");
  }

  #noteHead(state, message) {
    const { room } = state;
    room.lastSeq = Math.max(room.lastSeq, message.seq);
    if (message.userId === this.userId) room.readSeq = Math.max(room.readSeq ?? 0, message.seq);
    this.#seen(state);
  }

  #seen({ room, unread }) {
    room.unreadCount = unread;
    if (unread === 0) room.mentionCount = 0;
  }

  onChange({ roomId, rev, message }) {
    if (this.get(roomId)?.timeline.change(rev, message)) this.#tell("messages", { roomId });
  }

  onRoom({ room }) {
    const state = this.get(room.id);
    this.add(room);
    this.#tell("list");
    if (!state && this.link.isOnline && this.all.filter((one) => one.isSubscribed).length < this.subscriptionsMax) {
      this.#subscribe(this.get(room.id)).catch(() => {});
    }
  }

  onMention({ message }) {
    const state = this.get(message.roomId);
    if (!state || message.seq <= Math.max(state.room.readSeq ?? 0, state.mentionSeq)) return;
    state.mentionSeq = message.seq;
    state.room.mentionCount = (state.room.mentionCount ?? 0) + 1;
    state.room.lastSeq = Math.max(state.room.lastSeq, message.seq);
    this.#tell("list");
  }

  /** How far one has read, as the server or this page says. */
  onRead({ roomId, readSeq, mentionCount }) {
    const state = this.get(roomId);
    if (!state || readSeq < (state.room.readSeq ?? 0)) return;
    Object.assign(state.room, { readSeq, mentionCount });
    this.#seen(state);
    this.#tell("list");
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

const changed = (rooms, data) => rooms.onChange(data);
const EVENTS = {
  receiveMessage: (rooms, message) => rooms.receive(message),
  messageEdited: changed,
  messageDeleted: changed,
  reactionUpdated: changed,
  roomUpdated: (rooms, data) => rooms.onRoom(data),
  roomAdded: (rooms, data) => rooms.onRoom(data),
  roomClosed: (rooms, { roomId, reason }) => rooms.drop(roomId, reason),
  mention: (rooms, data) => rooms.onMention(data),
  messageReadUpdate: (rooms, data) => rooms.onRead(data),
};
