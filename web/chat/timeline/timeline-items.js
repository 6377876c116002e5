/**
 * Arranges messages: days, groups by author, the line above new messages, replies of threads in one row, and unsent
 * messages at the end. An item that shows the same as before is the same object, so that its row is not drawn again.
 */

import { sameDay } from "../../ui/dates.js";

const GROUP_MS = 5 * 60_000;
const AUTHORS_MAX = 3;

/**
 * Items in order, each with a stable `key`:
 * `{kind: "day", date, today}`, `{kind: "new"}`, `{kind: "hidden", messages}` (of blocked people),
 * `{kind: "replies", messages, authors, rootKey}` (of a thread, one after the other; at most three authors; `rootKey`:
 * the key of the row before, where that is the thread's root and tells of its replies, else null), and
 * `{kind: "message", message, date, follows, entry, waitS, author, replies, quoted, mentioned, reactors, isEditing}`.
 * `follows`: same group as the message before; `entry`: the outbox entry of an unsent message, which is sent in
 * `waitS` seconds if that is not null; `replies`: `{count, lastSeq, lastAt, isUnread}` of its thread; `quoted`: what it
 * answers; `mentioned`: `[name, id, …]` of who is mentioned; `reactors`: names of who reacted.
 */
export class TimelineItems {
  #known = new Map(); // key → item of last time, but for those of stored messages
  #itemOf = new WeakMap(); // stored message → its item; there are thousands, and each draw asks for each
  #dates = new WeakMap(); // message → Date

  /**
   * `messages` ascending, `unsent` outbox entries, and what the rows show: `me`, `newFrom` (seq of the first new
   * message, or null), `authorOf(message)`, `repliesOf(message)`, `quotedOf(message)`, `mentionedBy(message)`,
   * `reactorsOf(message)`, `waitOf(entry)`,
   * `editingId`, `isHidden(message)`, `isThread` (replies are ordinary rows), `today` (another string after midnight).
   * @param {Record<string, any>} input
   */
  arrange(input) {
    const { messages, unsent, me, isHidden, isThread = false } = input;
    const arranged = new Arrangement(input, { known: this.#known, itemOf: this.#itemOf });
    for (const message of messages) {
      const date = this.#dateOf(message);
      if (isHidden(message)) arranged.hide(message, date);
      else if (message.threadId && !isThread) arranged.putReply(message, date);
      else arranged.putMessage({ message, date, entry: null });
    }
    for (const entry of unsent) {
      arranged.putMessage({ message: this.#ofEntry(entry, me), date: this.#dateOf(entry), entry: { ...entry } });
    }
    const isKept = ({ kind, entry }) => kind !== "message" || entry !== null;
    this.#known = new Map(arranged.items.filter(isKept).map((item) => [item.key, item]));
    return arranged.items;
  }

  #dateOf(message) {
    if (!this.#dates.has(message)) this.#dates.set(message, new Date(message.createdAt));
    return this.#dates.get(message);
  }

  /** An unsent message in the shape of a message; the same object as long as the entry says the same. */
  #ofEntry(entry, me) {
    const before = this.#known.get(`client ${entry.clientId}`)?.message;
    if (before?.content === entry.content) return before;
    return {
      ...{ id: null, seq: null, rev: 0, roomId: entry.roomId, clientId: entry.clientId, content: entry.content },
      ...{ userId: me.id, username: me.username, type: "text", mentions: entry.mentions, reactions: {} },
      ...{ attachments: entry.attachments ?? [], replyToId: entry.replyToId, threadId: entry.threadId },
      ...{ editedAt: null, deletedAt: null },
    };
  }
}

class Arrangement {
  items = [];
  #input;
  #known;
  #itemOf;
  #previous = null; // {date, groupDate, userId, isGroup} of the row before
  #isNewShown = false;

  constructor(input, { known, itemOf }) {
    this.#input = input;
    this.#known = known;
    this.#itemOf = itemOf;
  }

  putMessage({ message, date, entry }) {
    const { authorOf, repliesOf, quotedOf, mentionedBy, reactorsOf, waitOf, editingId } = this.#input;
    const isFirst = this.#separate(message, date, entry);
    const before = this.#previous;
    const follows =
      !isFirst &&
      before.isGroup &&
      before.userId === message.userId &&
      message.type === "text" &&
      !message.replyToId &&
      date - before.groupDate < GROUP_MS;
    const groupDate = follows ? before.groupDate : date;
    this.#previous = { date, groupDate, userId: message.userId, isGroup: message.type === "text" };
    const replies = entry ? null : repliesOf(message);
    const isEditing = editingId !== null && editingId === message.id;
    const shown = { author: authorOf(message), quoted: quotedOf(message), mentioned: mentionedBy(message) };
    const state = { replies, reactors: reactorsOf(message), waitS: entry && waitOf(entry), isEditing };
    const fields = { kind: "message", message, date, follows, entry, ...state, ...shown };
    if (entry) return this.#push({ key: `client ${entry.clientId}`, ...fields });
    const known = this.#itemOf.get(message);
    const item = known && isSame(known, fields) ? known : { key: `seq ${message.seq}`, ...fields };
    if (item !== known) this.#itemOf.set(message, item);
    this.items.push(item);
  }

  putReply(message, date) {
    this.#separate(message, date, null);
    const last = this.items.at(-1);
    const author = this.#input.authorOf(message);
    let rootKey = last?.replies && last.message.id === message.threadId ? last.key : null;
    if (last?.kind === "replies" && last.messages.at(-1).threadId === message.threadId) {
      rootKey = last.rootKey;
      const authors = [...new Set([...last.authors, author])].slice(0, AUTHORS_MAX);
      this.items.pop();
      this.#push({ ...last, messages: [...last.messages, message], authors });
    } else {
      const about = { messages: [message], authors: [author], rootKey };
      this.#push({ kind: "replies", key: `replies ${message.seq}`, date, ...about });
    }
    // The group of a root goes on below replies that have no row to see.
    const group = rootKey === null ? { groupDate: date, userId: null, isGroup: false } : this.#previous;
    this.#previous = { ...group, date };
  }

  hide(message, date) {
    this.#separate(message, date, null);
    this.#previous = { date, groupDate: date, userId: null, isGroup: false };
    const last = this.items.at(-1);
    if (last?.kind === "hidden") {
      this.items.pop();
      this.#push({ ...last, messages: [...last.messages, message] });
    } else this.#push({ kind: "hidden", key: `hidden ${message.seq}`, messages: [message] });
  }

  /** Put the lines that belong above a row; true if there is one. */
  #separate(message, date, entry) {
    const { newFrom, today } = this.#input;
    const isNewDay = this.#previous === null || !sameDay(this.#previous.date, date);
    if (isNewDay) this.#push({ kind: "day", key: `day ${date.toDateString()}`, date, today });
    const isNew = newFrom !== null && !entry && message.seq >= newFrom && !this.#isNewShown;
    if (isNew) {
      this.#isNewShown = true;
      this.#push({ kind: "new", key: "new" });
    }
    return isNewDay || isNew;
  }

  #push(item) {
    const before = this.#known.get(item.key);
    this.items.push(before && isSame(before, item) ? before : item);
  }
}

function isSame(before, item) {
  for (const name in item) {
    if (before[name] !== item[name] && !isEqualValue(before[name], item[name])) return false;
  }
  return true; // without arrays of names: this is done for each message of each draw
}

/** Lists of the same messages, dates of the same time, entries that say the same. */
function isEqualValue(before, value) {
  if (Array.isArray(value)) return value.length === before?.length && value.every((one, n) => one === before[n]);
  if (value instanceof Date) return before instanceof Date && value.getTime() === before.getTime();
  if (value === null || typeof value !== "object" || !before || value.id !== undefined) return false;
  return Object.keys(value).every((name) => before[name] === value[name]);
}
