/**
 * Loads a room's messages page by page over REST (keyset pagination by seq) into its timeline. At most one request per
 * room and direction is in flight.
 */

export const PAGE = 50;
const FILL_PAGE = 100;
const FILL_PAGES_MAX = 10;

export class MessageHistory {
  #pending = new Map();

  constructor({ api }) {
    this.api = api;
  }

  /** Load the newest page. Messages that do not adjoin it are dropped. Throws ChatError, as do all methods here. */
  latest(state) {
    return this.#once(state, "latest", async ({ timeline }) => {
      const page = await this.#page(state, {});
      if (timeline.isDetached) timeline.reset({ seq: timeline.head, rev: timeline.rev });
      timeline.merge(page.messages, { begins: !page.hasMore });
    });
  }

  older(state) {
    return this.#once(state, "older", async ({ timeline }) => {
      if (!timeline.hasOlder) return;
      const page = await this.#page(state, { before: timeline.first });
      timeline.merge(page.messages, { keep: "oldest", begins: !page.hasMore });
    });
  }

  newer(state) {
    return this.#once(state, "newer", async ({ timeline }) => {
      if (!timeline.isDetached) return;
      const page = await this.#page(state, { after: timeline.last });
      timeline.merge(page.messages);
    });
  }

  /** Load what the ack of joinRoom left out: from the timeline's first message back to `since`, the end of `held`. */
  async fill(state, { since, held }) {
    const { timeline } = state;
    const found = [];
    let before = timeline.first;
    for (let page = 0; page < FILL_PAGES_MAX && before > since + 1; page += 1) {
      const { messages } = await this.#page(state, { before, limit: FILL_PAGE });
      if (messages.length === 0) break;
      found.unshift(...messages);
      before = messages[0].seq;
    }
    timeline.merge([...held, ...found]);
  }

  #page(state, query) {
    return this.api.get("messages", { roomId: state.room.id, limit: PAGE, ...query });
  }

  #once(state, direction, work) {
    const key = `${state.room.id} ${direction}`;
    if (!this.#pending.has(key))
      this.#pending.set(
        key,
        work(state).finally(() => this.#pending.delete(key)),
      );
    return this.#pending.get(key);
  }
}
