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

  #lastNumber = 0;
  #taken = 0; // the number of the latest request whose reply was taken
  #underWay = new Set(); // requests without a reply: {number, patches}

  constructor({ connection, people }) {
    super();
    this.people = people;
    connection.addEventListener("event", ({ detail }) => {
      if (detail.event === "settingsUpdated") this.#apply(detail.data);
    });
    connection.addEventListener("welcome", () => this.#loadAgain());
  }

  /** Take what a page had stored, unless settings were loaded. They are loaded again with the next connection. */
  restore(value) {
    if (this.value === null && value !== null && typeof value === "object") this.#take(value);
  }

  /** Throws ChatError, as does `change`. */
  load() {
    return this.#request(() => this.people.settings());
  }

  /** `changes`: a merge patch. */
  change(changes) {
    return this.#request(() => this.people.changeSettings(changes));
  }

  /** Changes while there was no connection were not told. If this fails, the next connection retries. */
  #loadAgain() {
    if (this.value !== null || this.#underWay.size > 0) this.load().catch(() => {});
  }

  /**
   * Take the settings of a reply. It may be older than what was told meanwhile, which is applied again, or than the
   * reply to a later request, which stays: what the user changed is told to this connection, too.
   */
  async #request(ask) {
    const request = { number: ++this.#lastNumber, patches: [] };
    this.#underWay.add(request);
    let reply;
    try {
      reply = await ask();
    } finally {
      this.#underWay.delete(request);
    }
    if (request.number > this.#taken) {
      this.#taken = request.number;
      this.#take(request.patches.reduce((value, patch) => merged(value, patch), reply));
    }
    return this.value;
  }

  #apply(patch) {
    for (const { patches } of this.#underWay) patches.push(patch);
    if (this.value !== null) this.#take(merged(this.value, patch));
  }

  #take(value) {
    this.value = value;
    this.dispatchEvent(new Event("change"));
  }
}
