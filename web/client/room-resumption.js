/** Joins a client's rooms when its connection opens: the active one first, then those that are to be joined anyway. */

import { backoffMs } from "./backoff.js";

export class RoomResumption {
  #connectionNumber = 0; // work that began on an earlier connection is abandoned
  #runningOn = null; // the number of the connection whose rooms are being joined
  #attempts = 0;
  #timer = null;

  constructor({ connection, rooms, random }) {
    this.connection = connection;
    this.rooms = rooms;
    this.random = random;
    connection.addEventListener("welcome", () => this.#resume());
    connection.addEventListener("state", () => {
      if (!connection.isOnline) this.#abandon();
    });
  }

  /** Join what is to be joined by now, one room after the other, unless that is under way or waits for its time. */
  joinMissing() {
    if (this.connection.isOnline && !this.#isAwaited) void this.#resume();
  }

  /** What the active room needs has failed: try again later, unless the next connection does. */
  tryAgain(error) {
    if (this.connection.isOnline && !this.#isAwaited) this.#resumeLater(error);
  }

  get #isAwaited() {
    return this.#runningOn === this.#connectionNumber || this.#timer !== null;
  }

  #abandon() {
    this.#connectionNumber += 1;
    this.#clearTimer();
    this.rooms.onOffline();
  }

  async #resume() {
    const { rooms } = this;
    const connectionNumber = this.#connectionNumber;
    const isOver = () => connectionNumber !== this.#connectionNumber;
    this.#clearTimer();
    this.#runningOn = connectionNumber;
    try {
      if (!rooms.isListed) await rooms.refresh();
      for (let state = this.#next(); state && !isOver(); state = this.#next()) {
        await rooms.subscribe(state);
        // If this fails, the other rooms are joined before it is tried again.
        if (state.room.id === rooms.activeId) await rooms.load(state).catch(() => {});
      }
      if (isOver()) return;
      const active = rooms.get(rooms.activeId);
      if (active) await rooms.load(active);
      this.#attempts = 0;
    } catch (error) {
      if (!isOver()) this.#resumeLater(error);
    } finally {
      if (this.#runningOn === connectionNumber) this.#runningOn = null;
    }
  }

  #resumeLater(error) {
    const delay = error.retryAfterS
      ? error.retryAfterS * 1000
      : 1000 + backoffMs(this.#attempts, { random: this.random });
    this.#attempts += 1;
    this.#clearTimer();
    this.#timer = setTimeout(() => this.#resume(), delay);
  }

  #clearTimer() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The next room to join. Asked anew each time: a closed page's messages may have been found for another one. */
  #next() {
    const { rooms } = this;
    const first = [rooms.activeId, ...rooms.requiredRoomIds()].map((id) => rooms.get(id)).filter(Boolean);
    const rest = rooms.all.filter((state) => !first.includes(state));
    const wanted = [...new Set([...first, ...rest])].slice(0, Math.max(first.length, rooms.subscriptionsMax));
    return wanted.find((state) => !state.isSubscribed) ?? null;
  }
}
