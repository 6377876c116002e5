/**
 * REST requests about messages: edits, deletions, reactions, threads, search. Ids come from messages of the server.
 * All throw ChatError.
 */

const of = (messageId) => `messages/${encodeURIComponent(messageId)}`;
const reaction = (messageId, emoji) => `${of(messageId)}/reactions/${encodeURIComponent(emoji)}`;

export class MessageApi {
  /** Called with each message that a reply shows as changed: it may come before the event, or after it. */
  onChanged = (message) => {};

  constructor(api) {
    this.api = api;
  }

  async get(messageId) {
    return (await this.api.get(of(messageId))).message;
  }

  /** Replace the content. Returns the message, as do `delete`, `react` and `unreact`. */
  edit(messageId, content) {
    return this.#changed("PATCH", of(messageId), { content });
  }

  /** Remove the content; the message keeps its place. */
  delete(messageId) {
    return this.#changed("DELETE", of(messageId));
  }

  react(messageId, emoji) {
    return this.#changed("PUT", reaction(messageId, emoji));
  }

  unreact(messageId, emoji) {
    return this.#changed("DELETE", reaction(messageId, emoji));
  }

  /** The texts that edits replaced; for the author and moderators. */
  history(messageId) {
    return this.api.get(`${of(messageId)}/history`);
  }

  /** A page of a thread's replies: `{messages, count, hasMore}`. `after` is a seq. */
  thread(messageId, { limit = null, after = null } = {}) {
    return this.api.get(`${of(messageId)}/thread`, { limit, after });
  }

  /** A page of what the user may read: `{messages, nextCursor}`; each message has `highlight`. */
  search(q, { roomId = null, limit = null, cursor = null } = {}) {
    return this.api.get("messages/search", { q, roomId, limit, cursor });
  }

  /** Completions of a prefix: `{words, people, rooms}`. */
  suggest(q) {
    return this.api.get("messages/search/suggest", { q });
  }

  /** Report a message to the room's moderators. */
  report(messageId, reason) {
    return this.api.post(`${of(messageId)}/report`, { reason });
  }

  async #changed(method, path, body) {
    const { message } = await this.api.call(method, path, { body });
    this.onChanged(message);
    return message;
  }
}
