/** The part of ChatClient that is about messages: to send them, to change them, to read them, and their files. */

import { SessionClient } from "./session-client.js";

/** @typedef {import("./types.js").Message} Message */

export class MessageClient extends SessionClient {
  /**
   * Queue a message. Messages of a room are sent in order, as soon as possible. Throws ChatError `outbox_full`.
   * @param {string} roomId
   * @param {string} content
   * @param {import("./types.js").SendFields} [fields]
   * @returns {import("./types.js").OutboxEntry}
   */
  send(roomId, content, fields = {}) {
    const { presence, outbox } = this._current;
    presence.stopTyping(roomId, { sent: true });
    return outbox.add({ ...fields, roomId, content });
  }

  /**
   * Upload a file, to be attached to messages.
   * @param {Blob} file
   * @param {import("./types.js").UploadOptions} [options]
   * @returns {Promise<import("./types.js").StoredFile>}
   */
  upload(file, options) {
    return this.api.files.upload(file, options);
  }

  /**
   * The URL of a file or its thumbnail, for pages of the server's own origin; null if there is none.
   * @param {import("./types.js").StoredFile} file
   * @param {{thumbnail?: boolean}} [options]
   * @returns {string | null}
   */
  fileUrl(file, options) {
    return this.api.files.url(file, options);
  }

  /**
   * Download a file or its thumbnail with the token, for pages of other origins. Revoke the URL when it is not shown.
   * @param {import("./types.js").StoredFile} file
   * @param {{thumbnail?: boolean, signal?: AbortSignal | null}} [options]
   * @returns {Promise<import("./types.js").FetchedFile>}
   */
  fetchFile(file, options) {
    return this.api.files.fetch(file, options);
  }

  /**
   * Send a failed message again.
   * @param {string} clientId
   */
  retry(clientId) {
    this._current.outbox.retry(clientId);
  }

  /**
   * Delete a failed message. Returns a function that puts it back.
   * @param {string} clientId
   * @returns {() => void}
   */
  discard(clientId) {
    return this._current.outbox.remove(clientId);
  }

  /**
   * The outbox entries of a room, in order.
   * @param {string} roomId
   * @returns {import("./types.js").OutboxEntry[]}
   */
  unsent(roomId) {
    return this.outbox?.entries(roomId) ?? [];
  }

  /**
   * Change the text of a message. It is shown at once, and as it was if the server refuses, as what `remove`, `react`
   * and `unreact` do. All take a message or its id. Throws ChatError; `network`, unless connected.
   * @param {string | Message} message
   * @param {string} content
   * @returns {Promise<Message>}
   */
  edit(message, content) {
    return this._current.changes.edit(message, content);
  }

  /**
   * Delete a message.
   * @param {string | Message} message
   * @returns {Promise<Message>}
   */
  remove(message) {
    return this._current.changes.remove(message);
  }

  /**
   * @param {string | Message} message
   * @param {string} emoji
   * @returns {Promise<Message>}
   */
  react(message, emoji) {
    return this._current.changes.react(message, emoji);
  }

  /**
   * @param {string | Message} message
   * @param {string} emoji
   * @returns {Promise<Message>}
   */
  unreact(message, emoji) {
    return this._current.changes.unreact(message, emoji);
  }

  /**
   * Show a message with these fields until the function that this returns is called, such as before a deletion that can
   * be undone. `change`: fields, or a function that computes them of the message.
   * @param {Message} message
   * @param {import("./overlays.js").Change} change
   * @returns {() => void}
   */
  overlay(message, change) {
    return this._current.changes.overlay(message, change);
  }

  /**
   * The user has read up to `seq`. The unread count changes at once; the server is informed.
   * @param {string} roomId
   * @param {number} seq
   */
  read(roomId, seq) {
    const { rooms, presence } = this._current;
    rooms.onRead({ roomId, readSeq: seq });
    presence.read(roomId, seq);
  }

  /**
   * Show a room as read up to `seq` until the function that this returns is called: with `{isRead: true}` it is so, else
   * as before. What the server was told cannot be undone.
   * @param {string} roomId
   * @param {number} seq
   * @returns {(end: {isRead: boolean}) => void}
   */
  showRead(roomId, seq) {
    const { rooms, presence } = this._current;
    const end = rooms.get(roomId)?.showRead(seq);
    rooms.emit("list");
    return ({ isRead }) => {
      if (isRead) {
        rooms.onRead({ roomId, readSeq: seq });
        presence.read(roomId, seq);
      }
      if (end?.()) rooms.emit("list");
    };
  }
}
