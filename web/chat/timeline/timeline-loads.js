/** Loads more of a room's messages, at the ends or the latest, and says what is under way and what has failed. */

export class TimelineLoads {
  #page;
  #roomId;
  #draw;
  #loading = new Set(); // directions
  #errors = new Map(); // direction → ChatError of the last load

  /** `draw()`: what this says has changed. */
  constructor({ page, roomId, draw, signal }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#draw = draw;
    page.chat.addEventListener("state", () => this.#onState(), { signal });
  }

  isLoading(direction) {
    return this.#loading.has(direction);
  }

  /** Why the last load failed, or null. */
  errorOf(direction) {
    return this.#errors.get(direction) ?? null;
  }

  /** The reader is near an end. What has failed is not tried again by itself, or it would be asked for all the time. */
  async near(direction) {
    if (!this.#errors.has(direction)) await this.load(direction);
  }

  /** Load "older", "newer" or "latest" messages. */
  async load(direction) {
    if (this.#loading.has(direction)) return;
    this.#loading.add(direction);
    this.#errors.delete(direction);
    this.#draw();
    try {
      await this.#page.chat.rooms.loadMore(this.#roomId, direction);
    } catch (error) {
      this.#errors.set(direction, error);
      if (direction === "latest") this.#page.failed(error);
    } finally {
      this.#loading.delete(direction);
      this.#draw();
    }
    this.#page.store.flush();
  }

  /** With a new connection it is worth a try. */
  #onState() {
    if (this.#errors.size === 0 || !this.#page.chat.connection?.isOnline) return;
    this.#errors.clear();
    this.#draw();
  }
}
