/** The items of a room's timeline: gathers what each message's row shows beside the message. */

import { Authors } from "./authors.js";
import { QuotedMessages } from "./quoted-messages.js";
import { reactorsOf } from "../message/reactions.js";
import { secondsLeft } from "../message/unsent-state.js";
import { TimelineItems } from "./timeline-items.js";

const NOBODY = Object.freeze([]);

export class RoomItems {
  #page;
  #roomId;
  #authors;
  #items = new TimelineItems();
  #quoted;
  #mentioned = new WeakMap(); // message → [name, id, …]
  #reactors = new WeakMap(); // message → {version, names}
  #shown = new Set(); // ids of blocked people whose messages are shown all the same

  constructor({ page, roomId }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#authors = new Authors({ page });
    this.#quoted = new QuotedMessages({
      read: (messageId) => page.chat.api.messages.get(messageId),
      onRead: () => page.store.bump("timeline"),
    });
  }

  /** The items of a room's state. `newFrom`: seq of the first new message, or null; `editingId`: of the one edited. */
  arrange({ timeline }, { newFrom, editingId, messages = timeline.messages, unsent = null, isThread = false }) {
    const { chat } = this.#page;
    const counts = chat.threads?.counts(this.#roomId) ?? new Map();
    const blocked = chat.blocks ?? new Set();
    const authorOf = (message) => this.#authors.of(message);
    this.#authors.refresh();
    this.#quoted.begin(messages);
    return this.#items.arrange({
      messages,
      unsent: unsent ?? (timeline.isDetached ? [] : chat.unsent(this.#roomId).filter(({ threadId }) => !threadId)),
      me: chat.user,
      newFrom,
      editingId,
      isThread,
      today: new Date().toDateString(),
      authorOf,
      // In the thread itself, the line that leads to it would lead nowhere.
      repliesOf: (message) => (isThread ? null : this.#repliesOf(counts.get(message.id), message.id, timeline)),
      quotedOf: ({ replyToId }) => (replyToId ? this.#quoted.of(replyToId, authorOf) : null),
      mentionedBy: (message) => this.#mentionedBy(message),
      reactorsOf: (message) => this.#reactorsOf(message),
      waitOf: (entry) => secondsLeft(entry, Date.now()),
      isHidden: ({ userId }) => blocked.has(userId) && !this.#shown.has(userId),
    });
  }

  nameOf(userId) {
    const person = this.#page.people.of(userId);
    return person?.displayName ?? null;
  }

  /** Show what blocked people wrote, of these messages and all others of theirs, until the room is left. */
  showHidden(messages) {
    for (const { userId } of messages) this.#shown.add(userId);
    this.#page.store.bump("timeline");
  }

  #repliesOf(known, messageId, timeline) {
    if (!known || known.count === 0) return null;
    const read = this.#page.settings.threadRead(messageId);
    const lastAt = timeline.get(known.lastSeq)?.createdAt ?? null;
    return { count: known.count, lastSeq: known.lastSeq, lastAt, isUnread: read > 0 && known.lastSeq > read };
  }

  #reactorsOf(message) {
    if (!message.reactions || Object.keys(message.reactions).length === 0) return NOBODY;
    const version = this.#page.store.version("people");
    const before = this.#reactors.get(message);
    if (before?.version === version) return before.names;
    const names = reactorsOf(message, { me: this.#page.chat.user, nameOf: (userId) => this.nameOf(userId) });
    this.#reactors.set(message, { version, names });
    return names;
  }

  /** The names of the mentioned, as far as they are known: a name that is nobody's is no mention. */
  #mentionedBy(message) {
    if (!message.mentions?.length) return NOBODY;
    const names = message.mentions.flatMap((id) => {
      if (id === "room") return ["room", "room"];
      const person = this.#page.people.of(id);
      return person ? [person.username, id] : [];
    });
    const before = this.#mentioned.get(message);
    if (before && before.length === names.length) return before;
    this.#mentioned.set(message, names);
    return names;
  }
}
