/** The names that a text mentions: `@` and a user name, outside of code. Pure. */

const CODE = /```[\s\S]*?(?:```|$)|`[^`\n]+`/g;
const NAME = /(?<![A-Za-z0-9.@/-]|[A-Za-z0-9]_)@([A-Za-z0-9_.-]{3,32})/g;

/** How many a message may mention. */
export const MENTIONS_MAX = 50;
/** What mentions all, from moderators. */
export const EVERYBODY = "room";

/**
 * The names in a text as user names may be meant, each a list of candidates in lower case, the likeliest first: in
 * "Ask @ann." the dot may be of the name, and in "_ask @ann_" the end is a mark.
 */
export function namesIn(text) {
  const found = new Map();
  for (const [, name] of text.replaceAll(CODE, " ").matchAll(NAME)) {
    const whole = name.toLowerCase();
    const candidates = [whole];
    for (let shorter = whole; /[._-]$/.test(shorter) && shorter.length > 3;) {
      shorter = shorter.slice(0, -1);
      candidates.push(shorter);
    }
    found.set(whole, candidates);
  }
  return [...found.values()].slice(0, MENTIONS_MAX);
}

/**
 * The ids that are mentioned. `idOf(name)`: the id of the member with that name in lower case, null if there is none,
 * undefined if that is not known. Returns `{ids, unknown}`: the names to be asked for first.
 */
export function mentionsOf(text, { idOf, isModerator }) {
  const ids = new Set();
  const unknown = new Set();
  for (const candidates of namesIn(text)) {
    if (isModerator && candidates.includes(EVERYBODY)) {
      ids.add(EVERYBODY);
      continue;
    }
    for (const name of candidates) {
      const id = idOf(name);
      if (id === undefined) unknown.add(name);
      if (!id) continue;
      ids.add(id);
      break;
    }
  }
  return { ids: [...ids], unknown: [...unknown] };
}
