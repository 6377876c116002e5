/**
 * Who the other person of each direct room is: the rooms themselves have no name. Asked once, then remembered in
 * storage.
 */

const REMEMBERED_MAX = 500;

/** Events: `list` when names became known. */
export class Peers extends EventTarget {
  #finding = false;
  #found;

  constructor({ api, storage, userId }) {
    super();
    this.api = api;
    this.storage = storage;
    this.userId = userId;
    this.key = `chat.peers.${userId}`;
    this.#found = new Map(remembered(storage.getItem(this.key)));
  }

  /** `{userId, username, displayName}`, or null while it is not known. */
  of(roomId) {
    return this.#found.get(roomId) ?? null;
  }

  /** Find out about those of `states` that are not known yet, one after the other. */
  async find(states) {
    if (this.#finding) return;
    this.#finding = true;
    try {
      for (const { room } of states) {
        if (room.kind === "direct" && !this.#found.has(room.id)) await this.#ask(room.id);
      }
    } catch {
      // Tried again with the next change of the list.
    } finally {
      this.#finding = false;
    }
  }

  async #ask(roomId) {
    const { members } = await this.api.get(`rooms/${encodeURIComponent(roomId)}/members`);
    const other = members.find((member) => member.userId !== this.userId);
    if (!other) return;
    const { userId, username, displayName } = other;
    this.#found.set(roomId, { userId, username, displayName });
    this.storage.setItem(this.key, JSON.stringify([...this.#found].slice(-REMEMBERED_MAX)));
    this.dispatchEvent(new Event("list"));
  }
}

function remembered(text) {
  try {
    return JSON.parse(text) ?? [];
  } catch {
    return [];
  }
}
