/** The user's settings: loaded when asked for, changed here, and kept up to date by what other connections change. */

/** The value after a merge patch (RFC 7396): null removes a member, objects are merged, all else replaces. */
export function merged(value, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  const result = new Map(isObject ? Object.entries(value) : []);
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) result.delete(name);
    else result.set(name, merged(result.get(name) ?? null, change));
  }
  return Object.fromEntries(result);
}

/** Events: `change`. */
export class Settings extends EventTarget {
  value = null; // null until loaded

  constructor({ connection, people }) {
    super();
    this.people = people;
    connection.addEventListener("event", ({ detail }) => {
      if (detail.event === "settingsUpdated") this.#take(merged(this.value ?? {}, detail.data));
    });
  }

  /** Throws ChatError, as does `change`. */
  async load() {
    this.#take(await this.people.settings());
    return this.value;
  }

  /** `changes`: a merge patch. */
  async change(changes) {
    this.#take(await this.people.changeSettings(changes));
    return this.value;
  }

  #take(value) {
    this.value = value;
    this.dispatchEvent(new Event("change"));
  }
}
