/** A snapshot as the text that is stored, of a bounded length. Pure. */

/** UTF-16 units, of which each takes at most two bytes in a browser's database. */
export const LENGTH_MAX = 1_000_000;

export class LastSeenText {
  #max;
  #written = new Map(); // roomId → {timeline, text}: a room in which nothing happened is not written out again

  constructor({ max = LENGTH_MAX } = {}) {
    this.#max = max;
  }

  /**
   * All but the timelines, and as many of these as there is space for: the first are the latest. Null where there is no
   * space even without any.
   */
  of({ timelines, ...rest }) {
    const head = JSON.stringify(rest);
    let length = head.length + '"timelines":[],'.length;
    if (length > this.#max) return null;
    const texts = [];
    const written = new Map();
    for (const timeline of timelines) {
      const text = this.#textOf(timeline);
      length += text.length + 1;
      if (length > this.#max) break;
      texts.push(text);
      written.set(timeline.roomId, { timeline, text });
    }
    this.#written = written;
    return `${head.slice(0, -1)},"timelines":[${texts.join()}]}`;
  }

  /** Forget what was written: it was another user's. */
  clear() {
    this.#written.clear();
  }

  #textOf(timeline) {
    const before = this.#written.get(timeline.roomId);
    return before && isSame(before.timeline, timeline) ? before.text : JSON.stringify(timeline);
  }
}

/** A message that has changed is another object. */
function isSame(one, other) {
  if (one.head !== other.head || one.rev !== other.rev || one.messages.length !== other.messages.length) return false;
  return one.messages.every((message, index) => message === other.messages[index]);
}

/** The snapshot of a stored text, or null. */
export function snapshotFrom(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
