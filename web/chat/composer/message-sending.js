/**
 * Brings what was written into the outbox, in order: the names that it mentions become ids first, for which the server
 * may have to be asked, and shortcodes become emoji. It waits for that for seconds only, and not at all when the page
 * is left.
 */

import { loadEmoji, replaceShortcodes } from "../../ui/emoji.js";
import { MemberLookup } from "./member-lookup.js";
import { mentionsOf } from "./mention-names.js";

const PATIENCE_MS = 5000; // a message that mentions nobody is told to nobody: slow answers are worth waiting for
const ROOMS_MAX = 20;
const SHORTCODE = /(?<![A-Za-z0-9]):[a-z0-9_+-]{1,32}:/i;

export class MessageSending {
  #chat;
  #people;
  #rooms = new Map(); // roomId → MemberLookup; the order is that of use
  #waiting = []; // messages that are not in the outbox yet, in order: {message, end}

  constructor({ chat, people, signal }) {
    this.#chat = chat;
    this.#people = people;
    addEventListener("pagehide", () => this.#sendAll(), { signal });
    chat.addEventListener("ended", () => this.#rooms.clear(), { signal });
  }

  membersOf(roomId) {
    const members = this.#rooms.get(roomId) ?? new MemberLookup({ chat: this.#chat, people: this.#people, roomId });
    this.#rooms.delete(roomId);
    this.#rooms.set(roomId, members);
    if (this.#rooms.size > ROOMS_MAX) this.#rooms.delete(this.#rooms.keys().next().value);
    return members;
  }

  /** Over when the message is in the outbox, behind those that were sent before it. Throws ChatError. */
  send(message) {
    return new Promise((resolve, reject) => {
      const entry = { message, isReady: false, resolve, reject };
      this.#waiting.push(entry);
      const ready = () => {
        entry.isReady = true;
        this.#sendReady();
      };
      const work = this.#preparations(entry);
      if (work.length === 0) return ready();
      const timer = setTimeout(ready, PATIENCE_MS);
      void Promise.allSettled(work).then(() => {
        clearTimeout(timer);
        ready();
      });
    });
  }

  /** Promises of what is still to be found out for a message. */
  #preparations({ message }) {
    const { unknown } = this.#mentions(message);
    const names = unknown.length > 0 ? [this.membersOf(message.roomId).resolve(unknown)] : [];
    const takeEmoji = (table) => (message.content = replaceShortcodes(message.content, table));
    return SHORTCODE.test(message.content) ? [...names, loadEmoji().then(takeEmoji)] : names;
  }

  #mentions({ roomId, content }) {
    const role = this.#chat.rooms?.get(roomId)?.room.role;
    const members = this.membersOf(roomId);
    const isModerator = role === "owner" || role === "moderator";
    return mentionsOf(content, { idOf: (name) => members.idOf(name), isModerator });
  }

  #sendReady() {
    while (this.#waiting[0]?.isReady) this.#sendFirst();
  }

  #sendAll() {
    while (this.#waiting.length > 0) this.#sendFirst();
  }

  #sendFirst() {
    const { message, resolve, reject } = this.#waiting.shift();
    const { roomId, content, ...fields } = message;
    try {
      resolve(this.#chat.send(roomId, content, { ...fields, mentions: this.#mentions(message).ids }));
    } catch (error) {
      reject(error);
    }
  }
}
