/** Loads the last message of direct rooms, for the line below a person's name: a few, the first of the list. */

const SHOWN_MAX = 15;

export class DirectPreviews {
  #page;
  #asked = new Set(); // room ids
  #closing = new AbortController();

  constructor({ page }) {
    this.#page = page;
    const { signal } = this.#closing;
    const redraw = ({ detail: { roomId } }) => this.#asked.has(roomId) && page.store.bump("previews");
    for (const name of ["messages", "typing", "people"]) page.chat.addEventListener(name, redraw, { signal });
  }

  close() {
    this.#closing.abort();
  }

  /** These rooms are in the list, in this order. */
  want(roomIds) {
    for (const roomId of roomIds.slice(0, SHOWN_MAX)) {
      if (this.#asked.has(roomId) || !this.#page.chat.connection?.isOnline) continue;
      this.#asked.add(roomId);
      this.#load(roomId);
    }
  }

  async #load(roomId) {
    await this.#page.chat.rooms.loadPreview?.(roomId)?.catch(() => {});
    if (!this.#closing.signal.aborted) this.#page.store.bump("previews");
  }
}
