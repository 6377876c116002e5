/**
 * Changes of stored messages that are shown at once: edits, deletions, reactions. What the server answers replaces what
 * is shown; a refusal takes it back.
 */

import { unreachable } from "./chat-error.js";

/** @typedef {import("./types.js").Message} Message */

export class MessageChanges {
  /** `now`: the wall clock, in ms. */
  constructor({ connection, rooms, threads, userId, now }) {
    this.connection = connection;
    this.rooms = rooms;
    this.threads = threads;
    this.userId = userId;
    this.now = now;
  }

  edit(message, content) {
    const edited = { content, editedAt: this.#time(), pending: "edit" };
    return this.#change("editMessage", message, { content }, ({ deletedAt }) => (deletedAt ? {} : edited));
  }

  remove(message) {
    const shown = { content: null, attachments: [], reactions: {}, deletedAt: this.#time(), pending: "remove" };
    return this.#change("deleteMessage", message, {}, shown);
  }

  react(message, emoji) {
    return this.#change("addReaction", message, { emoji }, (one) => withReaction(one, emoji, this.userId));
  }

  unreact(message, emoji) {
    return this.#change("removeReaction", message, { emoji }, (one) => withoutReaction(one, emoji, this.userId));
  }

  /** Show a message with these fields, in its room and in its thread, until what this returns is called. */
  overlay(message, change) {
    const ends = [this.rooms, this.threads].map((one) => one.overlay(message, change));
    return () => ends.forEach((end) => end());
  }

  /**
   * `message`: the message or its id. Throws ChatError; `network`, if there is no connection to ask by.
   * @param {string} event
   * @param {string | Message} message
   * @param {object} data
   * @param {import("./overlays.js").Change} shown
   * @returns {Promise<Message>}
   */
  async #change(event, message, data, shown) {
    if (!this.connection.isOnline) throw unreachable();
    const known = typeof message === "string" ? this.#find(message) : message;
    const messageId = typeof message === "string" ? message : message.id;
    const end = known ? this.overlay(known, shown) : () => {};
    const onAck = (ack) => this.rooms.show(ack.message);
    try {
      const ack = await this.connection.command(event, { messageId, ...data }, { onAck });
      return ack.message;
    } finally {
      end();
    }
  }

  #find(messageId) {
    return this.rooms.findMessage(messageId) ?? this.threads.findMessage(messageId);
  }

  #time() {
    return new Date(this.now()).toISOString();
  }
}

/** The server names the first 20 of those who reacted: whether the user is one of the others is not known. */
function withReaction({ reactions }, emoji, userId) {
  const { count, userIds } = reactionOf(reactions, emoji);
  if (userIds.includes(userId)) return {};
  const added = { count: count + 1, userIds: [...userIds, userId] };
  return { reactions: { ...reactions, [emoji]: added }, pending: "reaction" };
}

function withoutReaction({ reactions }, emoji, userId) {
  const { count, userIds } = reactionOf(reactions, emoji);
  if (!userIds.includes(userId)) return {};
  const { [emoji]: _, ...others } = reactions;
  const rest = { count: count - 1, userIds: userIds.filter((one) => one !== userId) };
  return { reactions: count > 1 ? { ...reactions, [emoji]: rest } : others, pending: "reaction" };
}

/** An emoji may be any text, also the name of a property that all objects have. */
function reactionOf(reactions, emoji) {
  return Object.hasOwn(reactions, emoji) ? reactions[emoji] : { count: 0, userIds: [] };
}
