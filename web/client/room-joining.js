/** Joins rooms over the WebSocket, and applies what the ack brings: what was missed, and what has changed. */

import { PAGE } from "./message-history.js";

const NO_ACCESS = new Set(["room_not_found", "not_member", "banned", "forbidden", "room_full"]);

export class RoomJoining {
  constructor({ connection, rooms, history }) {
    this.connection = connection;
    this.rooms = rooms;
    this.history = history;
  }

  /**
   * Join a room; the ack brings the missed messages. Throws ChatError if the error may pass; a room that the user may
   * not enter is removed.
   */
  async join(state) {
    const roomId = state.room.id;
    // What was missed since the page was last open is only worth loading where it is read, or little.
    const isFar = state.isStale && state.room.lastSeq - state.timeline.head > PAGE;
    if (isFar && roomId !== this.rooms.activeId) state.unload();
    const resumes = state.isLoaded ? { since: state.timeline.head, sinceRev: state.timeline.rev } : {};
    /** @type {(() => Promise<void>) | null} */
    let catchUp = null;
    try {
      await this.connection.command(
        "joinRoom",
        { roomId, ...resumes },
        {
          onAck: (ack) => {
            catchUp = this.#onJoined(state, ack);
          },
        },
      );
      if (catchUp !== null) await catchUp();
    } catch (error) {
      if (!NO_ACCESS.has(error.code)) throw error;
      this.rooms.remove(roomId, error.code);
      return;
    }
    this.rooms.emit("messages", { roomId });
  }

  /** Apply the ack of joinRoom. Returns a function that loads what the ack left out, or null. */
  #onJoined(state, ack) {
    const { rooms } = this;
    const { timeline } = state;
    const roomId = state.room.id;
    const { held, head: since } = timeline;
    const isReset = ack.reset || ack.seq < since; // a room that is not loaded was joined without `since`
    if (isReset) state.forget();
    rooms.add(ack.room);
    const isShown = roomId === rooms.activeId;
    const isFollowed = state.isLoaded && !state.isStale; // what came while no page was open is no news
    let catchUp = null;
    if (!state.isLoaded || isReset || ack.changesTruncated) {
      if (isReset) state.wanted = null;
      else if (timeline.isDetached) state.wanted ??= held[held.length >> 1].seq; // what is read stays about there
      timeline.reset(ack);
      if (state.isLoaded && isShown) catchUp = () => rooms.load(state);
      state.isLoaded = false; // until it is loaded again: if that fails, the next try does it
    } else {
      timeline.resume(ack);
      if (ack.truncated && isShown) catchUp = () => this.history.fill(state, { since, held });
    }
    state.isStale = false;
    state.isSubscribed = true; // last: a room whose ack cannot be applied is joined again
    state.updateCounts();
    rooms.emit("list");
    rooms.emit("messages", { roomId });
    rooms.emit("joined", { roomId, isReset });
    if (isReset) rooms.emit("reset", { roomId });
    else if (isFollowed) this.#emitMissed(roomId, since, ack);
    return catchUp;
  }

  #emitMissed(roomId, since, { missed, truncated }) {
    const fresh = missed.filter(({ seq }) => seq > since);
    if (truncated) this.rooms.emit("truncated", { roomId, since, next: fresh[0]?.seq ?? null });
    for (const message of fresh) this.rooms.emit("message", { roomId, message });
  }
}
