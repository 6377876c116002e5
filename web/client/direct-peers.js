/** The other person (the peer) of each direct room, which has no name itself. Loaded once, then kept in storage. */

const STORED_MAX = 500;

/** Events: `list` when a name was loaded. */
export class DirectPeers extends EventTarget {
  #isLoading = false;
  #peers;

  constructor({ api, storage, userId }) {
    super();
    this.api = api;
    this.storage = storage;
    this.userId = userId;
    this.key = `chat.peers.${userId}`;
    this.#peers = new Map(parseStored(storage.getItem(this.key)));
  }

  /** `{userId, username, displayName}`, or null if it is not loaded. */
  of(roomId) {
    return this.#peers.get(roomId) ?? null;
  }

  /** Load the missing peers of these RoomStates, one after the other. */
  async load(states) {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      for (const { room } of states) {
        if (room.kind === "direct" && !this.#peers.has(room.id)) await this.#loadPeer(room.id);
      }
    } catch {
      // The next `list` event retries.
    } finally {
      this.#isLoading = false;
    }
  }

  async #loadPeer(roomId) {
    const { members } = await this.api.get(`rooms/${encodeURIComponent(roomId)}/members`);
    const other = members.find((member) => member.userId !== this.userId);
    if (!other) return;
    const { userId, username, displayName } = other;
    this.#peers.set(roomId, { userId, username, displayName });
    this.storage.setItem(this.key, JSON.stringify([...this.#peers].slice(-STORED_MAX)));
    this.dispatchEvent(new Event("list"));
  }
}

function parseStored(text) {
  try {
    return JSON.parse(text) ?? [];
  } catch {
    return [];
  }
}
