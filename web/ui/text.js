/** Texts for display: initials, colours, lengths, counts. Pure. */

export const HUES = 10;
const NUMBER = new Intl.NumberFormat(); // toLocaleString() makes one each time

/** A number below HUES that depends on the id only (FNV-1a hash). */
export function hueOf(id) {
  let hash = 0x811c9dc5;
  for (const character of String(id)) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  return hash % HUES;
}

/** The initials of a name: one or two letters. */
export function initialsOf(name) {
  const words = String(name)
    .split(/[\s._-]+/)
    .filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => firstGrapheme(word).toUpperCase()).join("") || "?";
}

const graphemes = Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

/** What a reader calls the first letter: with its accents, and a family or a flag as one. */
function firstGrapheme(word) {
  for (const { segment } of graphemes?.segment(word) ?? []) return segment;
  return [...word][0];
}

/** The length in code points, as the server counts it. */
export function lengthOf(text) {
  return [...text].length;
}

/** "Ann is typing…" */
export function typingLabel(names) {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return "Several people are typing…";
}

export function plural(count, one, many = `${one}s`) {
  return `${NUMBER.format(count)} ${count === 1 ? one : many}`;
}

/** A count for a badge. */
export function countText(count) {
  return count > 999 ? "999+" : String(count);
}
