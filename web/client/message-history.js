/**
 * Loads a room's messages page by page over REST (keyset pagination by seq) into its timeline. At most one request per
 * room and direction is in flight.
 */

export const PAGE = 50;
const FILL_PAGE = 100;
const FILL_PAGES_MAX = 10;
const NO_MOVES = Object.freeze({ key: null, loading: null, taken: null });

export class MessageHistory {
  #pending = new Map();
  // timeline → its last request for another place, `loading` with its `key`, and `taken`, that whose reply it shows
  #moves = new WeakMap();

  constructor({ api }) {
    this.api = api;
  }

  /**
   * Load what is wanted of a room, unless it is there. True if there is something new to show. A failure is the room's
   * `loadError` where nothing is loaded; else the room stays as it is, and who wanted more hears of it.
   */
  async load(state) {
    const { wanted, timeline } = state;
    const seq = wanted === "unread" ? state.firstUnread(PAGE) : wanted;
    const isBlank = timeline.messages.length === 0 && timeline.hasOlder;
    const isThere = state.isLoaded && (seq === null ? !isBlank : timeline.has(seq) || seq > timeline.head);
    try {
      const isShown = !isThere && (await (seq === null ? this.latest(state) : this.around(state, seq)));
      if (isShown) Object.assign(state, { isLoaded: true, loadError: null });
      if ((isThere || isShown) && state.wanted === wanted) state.wanted = null;
      return isShown;
    } catch (error) {
      if (!state.isLoaded) state.loadError = error;
      else if (state.wanted === wanted) state.wanted = null;
      throw error;
    }
  }

  /**
   * Load the newest page. What does not adjoin it is dropped. Throws ChatError, as do all methods here. Resolves
   * to false if another place was asked for meanwhile; so does `around`.
   */
  latest(state) {
    return this.#move(state, "latest", {}, (timeline, { messages, hasMore }) => {
      if (timeline.isDetached) timeline.reset({ seq: timeline.head, rev: timeline.rev });
      timeline.merge(messages, { begins: !hasMore });
    });
  }

  /** Load the page with `seq` in its middle. Messages that do not adjoin it are dropped. */
  around(state, seq) {
    const after = Math.max(0, Math.min(seq - 1 - PAGE / 2, state.timeline.head - PAGE));
    return this.#move(state, `after ${after}`, { after }, (timeline, { messages }) =>
      timeline.moveTo(messages, { begins: after === 0 }),
    );
  }

  older(state) {
    return this.#once(state, "older", async ({ timeline }) => {
      if (!timeline.hasOlder) return;
      await this.#extend(state, { before: timeline.first }, ({ messages, hasMore }) =>
        timeline.merge(messages, { keep: "oldest", begins: !hasMore }),
      );
    });
  }

  newer(state) {
    return this.#once(state, "newer", async ({ timeline }) => {
      if (!timeline.isDetached) return;
      await this.#extend(state, { after: timeline.last }, ({ messages }) => timeline.merge(messages));
    });
  }

  /** Load what the ack of joinRoom left out: from the timeline's first message back to `since`, the end of `held`. */
  async fill(state, { since, held }) {
    const { timeline } = state;
    const { taken } = this.#movesOf(timeline);
    const found = [];
    let before = timeline.first;
    for (let page = 0; page < FILL_PAGES_MAX && before > since + 1; page += 1) {
      const { messages } = await this.#page(state, { before, limit: FILL_PAGE });
      if (messages.length === 0) break;
      found.unshift(...messages);
      before = messages[0].seq;
    }
    if (this.#movesOf(timeline).taken === taken) timeline.merge([...held, ...found]);
  }

  #movesOf(timeline) {
    return this.#moves.get(timeline) ?? NO_MOVES;
  }

  /** Ask for another place; what was asked for last is shown, whichever reply comes first. */
  #move(state, key, query, take) {
    const { timeline } = state;
    const last = this.#movesOf(timeline);
    if (last.loading && last.key === key) return last.loading;
    const loading = this.#page(state, query)
      .then((page) => {
        if (this.#movesOf(timeline).loading !== loading) return false;
        this.#moves.set(timeline, { key: null, loading: null, taken: loading });
        take(timeline, page);
        return true;
      })
      .finally(() => {
        const now = this.#movesOf(timeline);
        if (now.loading === loading) this.#moves.set(timeline, { ...now, loading: null });
      });
    this.#moves.set(timeline, { ...last, key, loading });
    return loading;
  }

  /** Ask for more at an end of what is loaded; it is dropped if another place is shown by then. */
  async #extend(state, query, take) {
    const { taken } = this.#movesOf(state.timeline);
    const page = await this.#page(state, query);
    if (this.#movesOf(state.timeline).taken === taken) take(page);
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
