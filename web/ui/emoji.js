/** Finding emoji by shortcode and word. The table is big, so it is loaded when somebody first wants one. */

export { isEmoji, isEmojiOnly } from "./emoji-pattern.js";

/**
 * What is asked of the table. An entry: `{emoji, shortcodes, words, category}`.
 *
 * @typedef {{emoji: string, shortcodes: string[], words: string[], category: string}} Entry
 */
class EmojiTable {
  /** @type {Entry[]} */
  entries = [];
  /** @type {{name: string, entries: Entry[]}[]} */
  categories = [];
  #byShortcode = new Map();

  constructor(data) {
    for (const [category, text] of Object.entries(data)) {
      const entries = text.split(";").map((line) => entryOf(line, category));
      this.categories.push({ name: category, entries });
      this.entries.push(...entries);
    }
    for (const entry of this.entries) for (const name of entry.shortcodes) this.#byShortcode.set(name, entry);
  }

  /** The emoji of a shortcode, with or without colons, or null. */
  byShortcode(name) {
    return this.#byShortcode.get(name.replace(/^:|:$/g, "").toLowerCase())?.emoji ?? null;
  }

  /** The entries that a query finds, best first: a shortcode, then its beginning, a word's, and any part of one. */
  search(query, limit = 20) {
    const wanted = query.trim().replace(/^:|:$/g, "").toLowerCase().replace(/\s+/g, "_");
    if (!wanted) return this.entries.slice(0, limit);
    const ranks = [[], [], [], []];
    for (const entry of this.entries) ranks[rankOf(entry, wanted)]?.push(entry);
    return ranks.flat().slice(0, limit);
  }
}

function entryOf(line, category) {
  const [emoji, names, ...words] = line.trim().split(" ");
  const shortcodes = names.split(",");
  return { emoji, shortcodes, words: [...shortcodes.flatMap((name) => name.split("_")), ...words], category };
}

function rankOf({ emoji, shortcodes, words }, wanted) {
  if (emoji === wanted || shortcodes.includes(wanted)) return 0;
  if (shortcodes.some((name) => name.startsWith(wanted))) return 1;
  if (words.some((word) => word.startsWith(wanted))) return 2;
  return shortcodes.some((name) => name.includes(wanted)) ? 3 : 4;
}

let loading = null;

/** The table; asked for once. After a failure the next call tries again. @returns {Promise<EmojiTable>} */
export function loadEmoji() {
  loading ??= import("./emoji-data.js").then(
    ({ EMOJI }) => new EmojiTable(EMOJI),
    (error) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}

const CODE_LINK_OR_NAME = /(`+)(?!`)[^]*?[^`]\1(?!`)|`+|https?:\/\/\S+|(?<![A-Za-z0-9]):([a-z0-9_+-]{1,32}):/gi;

/** A text to be sent, with the emoji for its shortcodes, but not in code or addresses. */
export function replaceShortcodes(text, table) {
  return text.replace(CODE_LINK_OR_NAME, (all, _run, name) => (name && table.byShortcode(name)) || all);
}
