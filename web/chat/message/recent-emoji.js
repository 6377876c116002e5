/** The emoji that a user chose last, in the browser's storage, or in memory if that refuses. */

const RECENT_MAX = 24;
const USUAL = ["👍", "❤️", "😂"]; // until others were chosen
const inMemory = new Map(); // key → emoji

export class RecentEmoji {
  #key;

  constructor(userId) {
    this.#key = `chat.emoji.${userId}`;
  }

  /** The latest first. */
  get all() {
    try {
      const found = JSON.parse(localStorage.getItem(this.#key) ?? "null") ?? inMemory.get(this.#key);
      return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, RECENT_MAX) : [];
    } catch {
      return inMemory.get(this.#key) ?? [];
    }
  }

  /** The `count` latest, or else usual ones. */
  latest(count) {
    return [...new Set([...this.all, ...USUAL])].slice(0, count);
  }

  add(emoji) {
    const all = [emoji, ...this.all.filter((one) => one !== emoji)].slice(0, RECENT_MAX);
    inMemory.clear(); // it is of the user before
    inMemory.set(this.#key, all);
    try {
      localStorage.setItem(this.#key, JSON.stringify(all));
    } catch {
      // They are in memory.
    }
  }
}
