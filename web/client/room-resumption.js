/** Joins a client's rooms when its connection opens: the active one first, then those that are to be joined anyway. */

import { backoffMs } from "./backoff.js";

export class RoomResumption {
  #connectionNumber = 0; // work that began on an earlier connection is abandoned
  #attempts = 0;
  #timer = null;

  constructor({ connection, rooms, random }) {
    this.rooms = rooms;
    this.random = random;
    connection.addEventListener("welcome", () => this.#resume());
    connection.addEventListener("state", () => {
      if (!connection.isOnline) this.#abandon();
    });
  }

  #abandon() {
    this.#connectionNumber += 1;
    clearTimeout(this.#timer);
    this.rooms.onOffline();
  }

  async #resume() {
    const { rooms } = this;
    const connectionNumber = this.#connectionNumber;
    try {
      await rooms.refresh();
      if (connectionNumber !== this.#connectionNumber) return;
      this.#attempts = 0;
      for (const state of this.#roomsToSubscribe()) {
        if (connectionNumber !== this.#connectionNumber) return;
        if (!state.isSubscribed) await rooms.subscribe(state);
        if (state.room.id === rooms.activeId) await rooms.load(state);
      }
    } catch (error) {
      if (connectionNumber === this.#connectionNumber) this.#resumeLater(error);
    }
  }

  #resumeLater(error) {
    const delay = error.retryAfterS
      ? error.retryAfterS * 1000
      : 1000 + backoffMs(this.#attempts, { random: this.random });
    this.#attempts += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#resume(), delay);
  }

  #roomsToSubscribe() {
    const { rooms } = this;
    const first = [rooms.activeId, ...rooms.requiredRoomIds()].map((id) => rooms.get(id)).filter(Boolean);
    const rest = rooms.all.filter((state) => !first.includes(state));
    return [...new Set([...first, ...rest])].slice(0, Math.max(first.length, rooms.subscriptionsMax));
  }
}
