/**
 * What is new and what is read of the shown room: where the line above the new messages stands, how far the room is
 * read, and a mark of unread that the user has set, which is in the user's settings and holds until all is marked read.
 */

import { ReadTracker } from "./read-tracker.js";

export class UnreadMarks {
  #page;
  #roomId;
  #tracker = null; // once the room is loaded
  #newFrom = null;

  constructor({ page, roomId }) {
    this.#page = page;
    this.#roomId = roomId;
  }

  get hasBegun() {
    return this.#tracker !== null;
  }

  /** The seq from which the user has marked the room as unread, or of the first message that was so when opened. */
  get newFrom() {
    return this.#marked ?? this.#newFrom;
  }

  /** The room is loaded for the first time since it was opened. */
  begin({ room, unread }) {
    this.#tracker = new ReadTracker(room.readSeq ?? 0);
    this.#newFrom = unread > 0 ? (room.readSeq ?? 0) + 1 : null;
  }

  get isMarked() {
    return this.#marked !== null;
  }

  /** A message has come while the page was not seen. */
  cameUnseen({ seq }) {
    const isFirst = this.#newFrom === null || (this.#tracker?.readSeq ?? 0) >= seq - 1;
    if (isFirst) this.#newFrom = seq;
  }

  /**
   * These seqs are on the screen of a page that is seen. True if others before them never were, as when more came at
   * once than the screen holds, after a computer has slept: from there on all is new.
   */
  see(seqs, { room }) {
    this.#tracker.readUpTo(room.readSeq ?? 0);
    if (this.#tracker.see(seqs)) this.#page.chat.read(this.#roomId, this.#tracker.readSeq);
    const firstUnread = this.#tracker.readSeq + 1;
    const isKnown = this.#newFrom !== null && this.#newFrom >= firstUnread;
    if (isKnown || !seqs.some((seq) => seq > firstUnread)) return false;
    this.#newFrom = firstUnread;
    return true;
  }

  /** The user marks as unread from a message on. Throws ChatError. */
  async markUnread({ seq }) {
    await this.#page.settings.markUnread({ [this.#roomId]: seq });
  }

  /** All of the room is read. */
  markRead(state) {
    const before = this.#newFrom;
    this.#newFrom = null;
    this.#page.markRead([state], () => {
      this.#newFrom ??= before;
      this.#page.store.bump("timeline");
    });
  }

  /** The server came back from an older backup: seqs begin again. */
  reset(readSeq) {
    this.#newFrom = null;
    this.#tracker?.reset(readSeq);
  }

  get #marked() {
    return this.#page.settings.unreadFrom(this.#roomId);
  }
}
