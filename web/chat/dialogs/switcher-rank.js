/** Orders what the switcher offers. Pure. */

/** How well a name fits a query: 0 is best; Infinity if it does not. Compared without case and accents. */
export function fit(name, query) {
  const [text, wanted] = [folded(name), folded(query)];
  if (text.startsWith(wanted)) return 0;
  if (text.split(/[\s._-]+/).some((word) => word.startsWith(wanted))) return 1;
  if (text.includes(wanted)) return 2;
  let at = -1;
  for (const character of wanted) {
    at = text.indexOf(character, at + 1);
    if (at === -1) return Infinity;
  }
  return 3;
}

function folded(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The entries `{name, unread}` that fit, the best first; without a query those with something unread first. */
export function rank(entries, query) {
  return entries
    .map((entry) => ({ entry, score: query ? fit(entry.name, query) : 0 }))
    .filter(({ score }) => score < Infinity)
    .sort(
      (one, other) =>
        one.score - other.score ||
        Number(other.entry.unread > 0) - Number(one.entry.unread > 0) ||
        one.entry.name.localeCompare(other.entry.name),
    )
    .map(({ entry }) => entry);
}
