/** The last messages of rooms whose timelines do not have them: asked for by who shows them, a few at once. */

const AT_ONCE = 4;

export class RoomPreviews {
  #loading = new Map(); // roomId → promise
  #waiting = []; // functions that begin a request
  #running = 0;

  constructor({ api, rooms }) {
    this.api = api;
    this.rooms = rooms;
  }

  /** Resolves to the room's last message, or null; asks the server only if it is not held. Throws ChatError. */
  load(roomId) {
    const state = this.rooms.get(roomId);
    if (!state || state.room.lastSeq === 0) return Promise.resolve(null);
    if ((state.lastMessage?.seq ?? 0) >= state.room.lastSeq) return Promise.resolve(state.lastMessage);
    if (!this.#loading.has(roomId))
      this.#loading.set(
        roomId,
        this.#read(state).finally(() => this.#loading.delete(roomId)),
      );
    return this.#loading.get(roomId);
  }

  async #read(state) {
    if (this.#running >= AT_ONCE) await new Promise((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      const { messages } = await this.api.get("messages", { roomId: state.room.id, limit: 1 });
      if (messages.length > 0 && state.notePreview(messages[0])) this.rooms.emit("list");
      return state.lastMessage;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
