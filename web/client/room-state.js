/** What a client knows of one room: its attributes, its counts of unread messages and mentions, its timeline. */

import { Timeline } from "./timeline.js";

/** `room` is the room as the contract describes it, kept up to date. */
export class RoomState {
  isSubscribed = false;
  isLoaded = false; // whether the timeline holds history, not only live messages
  #preview = null; // the newest message that came or was asked for, whether the timeline has it or not

  /** @type {import("./chat-error.js").ChatError | null} */
  loadError = null; // of the last load, where nothing is loaded
  isStale = false; // whether this is what a snapshot had, and the server has not confirmed it
  wanted = null; // the seq around which messages are to be loaded, or "unread"; null: the newest, or what is there
  joining = null; // the promise of a join that has not ended
  #readShown = 0; // the seq up to which it is shown as read, whatever `room.readSeq` says

  /** `listing`: the number of times that the room list had been read when the room was added. */
  constructor(room, { timelineMax, listing }) {
    this.room = room;
    this.listing = listing;
    this.mentionSeq = room.lastSeq; // the last seq that `mentionCount` includes
    this.timeline = new Timeline({ max: timelineMax });
  }

  /** How many messages are to be shown as unread. */
  get unread() {
    return Math.min(this.#left, Math.max(0, this.room.lastSeq - this.#readShown));
  }

  /**
   * Show the messages up to `seq` as read until the function that this returns is called; it returns whether that makes
   * a difference.
   */
  showRead(seq) {
    this.#readShown = seq;
    return () => {
      const isShown = this.#readShown === seq;
      if (isShown) this.#readShown = 0;
      return isShown;
    };
  }

  /** How many are not read. */
  get #left() {
    return Math.max(0, this.room.lastSeq - (this.room.readSeq ?? 0));
  }

  /**
   * The newest message that is held, as it is to be shown; it is the room's last one if its seq is `room.lastSeq`.
   * @returns {import("./types.js").Message | null}
   */
  get lastMessage() {
    const { messages, isDetached } = this.timeline;
    const shown = isDetached ? null : (messages.at(-1) ?? null);
    return (this.#preview?.seq ?? 0) > (shown?.seq ?? 0) ? this.#preview : shown;
  }

  /** A copy of a message that may be the last. True if it is newer than the one that is known. */
  notePreview(message) {
    const { seq = 0, rev = -1 } = this.#preview ?? {};
    if (message.seq < seq || (message.seq === seq && message.rev <= rev)) return false;
    this.#preview = message;
    return true;
  }

  /** A message has changed: if it is the one that is held for `lastMessage`, take the newer copy. */
  changePreview(message) {
    return this.#preview?.seq === message.seq && this.notePreview(message);
  }

  /** The first unread seq, where more than `count` are unread; else null. */
  firstUnread(count) {
    return this.unread > count ? (this.room.readSeq ?? 0) + 1 : null;
  }

  get mentions() {
    return this.unread ? (this.room.mentionCount ?? 0) : 0;
  }

  /** Take over attributes from the server, unless they are older; `lastSeq` and `readSeq` never decrease. */
  update(room) {
    const { lastSeq, readSeq, rev, peer } = this.room;
    Object.assign(this.room, room.rev < rev ? {} : room, {
      peer: room.peer ?? peer ?? null, // an event may lack it, and no rev says which is newer
      lastSeq: Math.max(lastSeq, room.lastSeq),
      readSeq: Math.max(readSeq ?? 0, room.readSeq ?? 0),
    });
    if (room.mentionCount !== undefined) this.mentionSeq = Math.max(this.mentionSeq, room.lastSeq);
    this.updateCounts();
  }

  /** The list has the room. Its messages are confirmed by a join. */
  confirm() {
    if (!this.isLoaded) this.isStale = false;
  }

  /** Drop the messages: the next join begins without `since`. */
  unload() {
    this.timeline.reset({ seq: this.timeline.head, rev: this.timeline.rev });
    this.isLoaded = false;
  }

  /** The connection went down: the server may come back from a backup, in which the room's rev is lower. */
  takeAnyRev() {
    this.room.rev = 0;
  }

  /** The server came back from a backup, which has fewer messages: the next update is the truth. */
  forget() {
    Object.assign(this.room, { rev: 0, lastSeq: 0, readSeq: 0 });
    this.mentionSeq = 0;
    this.#preview = null;
    this.#readShown = 0;
    this.timeline.endOverlays();
  }

  /** The room has messages up to `lastSeq`; false if that was known. */
  noteHead(lastSeq) {
    if (lastSeq <= this.room.lastSeq) return false;
    this.room.lastSeq = lastSeq;
    this.updateCounts();
    return true;
  }

  /** A message was deleted: if it counted as a mention, not any more. `before`: the copy that was shown, or null. */
  uncountMention(before, ownUserId) {
    if (!before || !mentions(before, ownUserId) || before.seq <= (this.room.readSeq ?? 0)) return false;
    this.room.mentionCount = Math.max(0, (this.room.mentionCount ?? 0) - 1);
    return true;
  }

  /** Count a new message. One's own message also counts as read. */
  countMessage(message, ownUserId) {
    const { seq, userId } = message;
    this.notePreview(message);
    this.room.lastSeq = Math.max(this.room.lastSeq, seq);
    if (userId === ownUserId) this.room.readSeq = Math.max(this.room.readSeq ?? 0, seq);
    this.updateCounts();
  }

  /** Count a mention; false if it was read or counted before. */
  countMention({ seq }) {
    if (seq <= Math.max(this.room.readSeq ?? 0, this.mentionSeq)) return false;
    this.mentionSeq = seq;
    this.room.mentionCount = (this.room.mentionCount ?? 0) + 1;
    this.room.lastSeq = Math.max(this.room.lastSeq, seq);
    return true;
  }

  /**
   * The user has read up to `readSeq`; false if that is behind what is known. Until the server says how many are left,
   * only mentions that are held count as read. What it says may be older than a mention that was counted since.
   * @param {{readSeq: number, unreadCount?: number, mentionCount?: number}} mark
   * @param {string} ownUserId
   */
  markRead({ readSeq, unreadCount = 0, mentionCount = 0 }, ownUserId) {
    const before = this.room.readSeq ?? 0;
    if (readSeq < before) return false;
    const isRead = ({ seq }) => seq > before && seq <= readSeq;
    const read = this.timeline.held.filter((message) => isRead(message) && mentions(message, ownUserId)).length;
    this.room.readSeq = readSeq;
    const left = Math.max(0, Math.min((this.room.mentionCount ?? 0) - read, this.#left));
    const countedTo = readSeq + unreadCount;
    this.room.mentionCount = countedTo < this.mentionSeq ? Math.max(mentionCount, left) : mentionCount;
    this.mentionSeq = Math.max(this.mentionSeq, countedTo);
    this.updateCounts();
    return true;
  }

  updateCounts() {
    this.room.unreadCount = this.#left;
    if (this.#left === 0) this.room.mentionCount = 0;
  }
}

/** Whether a message of somebody else mentions the user. */
function mentions(message, ownUserId) {
  if (message.deletedAt || message.userId === ownUserId) return false;
  return Boolean(message.mentions?.some((who) => who === ownUserId || who === "room"));
}
