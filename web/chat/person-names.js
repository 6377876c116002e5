/** The names of people in lists of what they did: with the handle where the name could be another's. */

import { distinctNames } from "../ui/names.js";
import { h } from "../ui/view.js";

export class PersonNames {
  #page;
  #names = new Map(); // userId → {name, handle}
  #version = -1; // of people, of which the names were made

  constructor({ page }) {
    this.#page = page;
  }

  /** Vnodes of a name, or `unknown` where nothing is known of the person: that is read soon. */
  shown(userId, unknown) {
    const found = this.#of(userId);
    return found ? [h("bdi", {}, found.name), found.handle && ` ${found.handle}`] : unknown;
  }

  /** The same as a text, for a question. `username`: shown where nothing else is known. */
  text(userId, username) {
    const { name, handle } = this.#of(userId) ?? { name: username, handle: null };
    return handle ? `${name} (${handle})` : name;
  }

  #of(userId) {
    const { people, chat, store } = this.#page;
    const isKnown = people.of(userId) !== null; // what is not is read soon
    const version = store.version("people");
    if (version !== this.#version) this.#names = distinctNames([...people.all, chat.user].filter(Boolean));
    this.#version = version;
    return (isKnown && this.#names.get(userId)) || null;
  }
}
