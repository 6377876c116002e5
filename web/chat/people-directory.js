/**
 * What is known of people: their display names and avatars, which messages do not carry. Whoever draws a person asks
 * here; what is not known is read from the server, a few at a time, since each is a request that the server counts.
 */

const HELD_MAX = 500;
const WANTED_MAX = 100;
const AT_ONCE = 3;
const LOOKUPS_PER_HOUR = 400; // of the 1,000 requests that the server allows
const HOUR_MS = 3_600_000;
const RETRY_MS = 30_000; // after a failure: each draw of a page without a network would ask again

/** A user, as far as known: `{id, username, displayName, avatarUrl?, status?, customStatus?, isWhole}`. */
export class PeopleDirectory {
  #chat;
  #store;
  #people = new Map(); // userId → person; the order is that of use
  #wanted = new Set(); // user ids, the latest last
  #running = 0;
  #timed;
  #lookups = 0; // since #hourFrom
  #hourFrom = -Infinity;
  #notBefore = -Infinity; // when the next one may be, after a failure

  /** Bumps the version `people` of the store when something becomes known. `timed`: a monotonic clock, in ms. */
  constructor({ chat, store, signal, timed = () => performance.now() }) {
    this.#chat = chat;
    this.#store = store;
    this.#timed = timed;
    chat.addEventListener("ended", () => this.#clear(), { signal });
  }

  /** What is known of a person, or null; what is missing is read soon. `username`: of a message or a list. */
  of(userId, username = null) {
    if (userId === this.#chat.user?.id) return { ...this.#chat.user, isWhole: true };
    const person = this.#people.get(userId) ?? null;
    if (!person?.isWhole) this.#want(userId);
    if (person) this.#hold(person);
    return person ?? (username && { id: userId, username, displayName: username, isWhole: false });
  }

  /** What is known of a person, or null, without asking for more. */
  known(userId) {
    return this.#people.get(userId) ?? null;
  }

  /** The person with this user name among those known, or null. */
  named(username) {
    const folded = username.toLowerCase();
    return [...this.#people.values()].find((person) => person.username.toLowerCase() === folded) ?? null;
  }

  /** All that are known. */
  get all() {
    return [...this.#people.values()];
  }

  /** Take what a list of members says: `{userId, username, displayName}`. */
  learnMembers(members) {
    for (const { userId, username, displayName } of members) {
      const known = this.#people.get(userId);
      if (known?.displayName === displayName) continue;
      this.#hold({ isWhole: false, ...known, id: userId, username, displayName });
    }
    this.#store.bump("people");
  }

  /** Take a whole user of the server. */
  learn(user) {
    this.#hold({ ...user, isWhole: true });
    this.#store.bump("people");
  }

  #hold(person) {
    this.#people.delete(person.id);
    this.#people.set(person.id, person);
    if (this.#people.size > HELD_MAX) this.#people.delete(this.#people.keys().next().value);
  }

  #want(userId) {
    if (!this.#mayAsk) return;
    this.#wanted.add(userId);
    if (this.#wanted.size > WANTED_MAX) this.#wanted.delete(this.#wanted.values().next().value);
    while (this.#running < AT_ONCE && this.#running < this.#wanted.size) void this.#read();
  }

  get #mayAsk() {
    const now = this.#timed();
    if (now - this.#hourFrom >= HOUR_MS) [this.#hourFrom, this.#lookups] = [now, 0];
    return this.#lookups < LOOKUPS_PER_HOUR && now >= this.#notBefore;
  }

  async #read() {
    this.#running += 1;
    try {
      for (let userId = this.#next(); userId; userId = this.#next()) {
        this.#lookups += 1;
        const reader = this.#chat.user;
        const user = await this.#chat.person(userId).catch((error) => this.#failed(userId, error));
        if (user && this.#chat.user?.id === reader.id) this.learn(user); // and not to the next user of the page
      }
    } finally {
      this.#running -= 1;
    }
  }

  #failed(userId, error) {
    if (error.status === 404) return deleted(userId);
    this.#notBefore = this.#timed() + Math.max(RETRY_MS, 1000 * (error.retryAfterS ?? 0));
    return null;
  }

  #next() {
    if (!this.#mayAsk) return undefined;
    const userId = [...this.#wanted].at(-1);
    this.#wanted.delete(userId);
    return this.#chat.user ? userId : undefined;
  }

  #clear() {
    this.#people.clear();
    this.#wanted.clear();
    this.#lookups = 0;
    this.#notBefore = -Infinity;
  }
}

function deleted(id) {
  return { id, username: "deleted", displayName: "Deleted user" };
}
