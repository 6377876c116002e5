/**
 * A room's past, page by page over REST (keyset by seq), into its timeline. One request a room and direction at a time.
 */

export const PAGE = 50;
const FILL_PAGE = 100;
const FILL_PAGES_MAX = 10;

export class History {
  #flights = new Map();

  constructor({ api }) {
    this.api = api;
  }

  /** The newest page; lets go of what does not meet it. Throws ChatError, as all here. */
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

  /** After a reconnect that could not bring all: back from what came to `since`, where `held` ended. */
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

  #once(state, which, work) {
    const key = `${state.room.id} ${which}`;
    if (!this.#flights.has(key))
      this.#flights.set(
        key,
        work(state).finally(() => this.#flights.delete(key)),
      );
    return this.#flights.get(key);
  }
}
