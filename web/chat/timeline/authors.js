/** Who wrote a message, as its row shows them: the same object as long as it shows the same. */

import { distinctNames } from "../../ui/names.js";

export class Authors {
  #page;
  #known = new Map(); // userId → author
  #names = new Map(); // userId → {name, handle}
  #seen = []; // what #names was made of

  constructor({ page }) {
    this.#page = page;
  }

  /** What is known of people has changed. */
  refresh() {
    const { people, chat, store } = this.#page;
    const seen = [store.version("people"), chat.user];
    if (seen.every((one, n) => one === this.#seen[n])) return;
    this.#seen = seen;
    this.#names = distinctNames([...people.all, chat.user].filter(Boolean));
  }

  /**
   * `{id, username, name, handle, url, textColor, backgroundColor}`: `handle` (`@name`) where the name could be
   * another's; `url` of the avatar, or null; the colours are of the initials.
   */
  of({ userId, username }) {
    const person = this.#page.people.of(userId, username);
    const { name, handle } = this.#names.get(userId) ?? { name: person.displayName ?? username, handle: null };
    const url = this.#page.chat.avatarUrl(person);
    const { textColor = null, backgroundColor = null } = person;
    const before = this.#known.get(userId);
    const author = { id: userId, username, name, handle, url, textColor, backgroundColor };
    if (before && Object.keys(author).every((field) => author[field] === before[field])) return before;
    this.#known.set(userId, author);
    return author;
  }
}
