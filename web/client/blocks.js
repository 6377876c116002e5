/** Whom the user has blocked. The server tells no connection of it: who is blocked is hidden by the page. */

/** Events: `change`. */
export class Blocks extends EventTarget {
  /** @type {ReadonlySet<string>} Of user ids; another Set after each change. */
  userIds = new Set();
  isLoaded = false;

  #changes = 0; // made here: a list that was read meanwhile may lack them

  /** `people`: the client's PeopleApi. */
  constructor({ connection, people }) {
    super();
    this.people = people;
    connection.addEventListener("welcome", () => this.#loadOnce());
  }

  /** Throws ChatError, as do `block` and `unblock`. */
  async load() {
    const before = this.#changes;
    const users = await this.people.blocked();
    if (before !== this.#changes) return this.load();
    this.isLoaded = true;
    this.#set(users.map(({ id }) => id));
  }

  async block(userId) {
    await this.people.block(userId);
    this.#changes += 1;
    this.#set([...this.userIds, userId]);
  }

  async unblock(userId) {
    await this.people.unblock(userId);
    this.#changes += 1;
    this.#set([...this.userIds].filter((id) => id !== userId));
  }

  /** Take what a page had stored, until the list is loaded. */
  restore(userIds) {
    if (!this.isLoaded && Array.isArray(userIds)) this.#set(userIds.filter((id) => typeof id === "string"));
  }

  /** If it fails, the next connection retries. */
  #loadOnce() {
    if (!this.isLoaded) this.load().catch(() => {});
  }

  #set(userIds) {
    this.userIds = new Set(userIds);
    this.dispatchEvent(new Event("change"));
  }
}
