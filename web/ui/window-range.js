/** Which rows of a list are drawn: those around what is visible, and those that the reader holds. Pure. */

const ROWS_MAX = 250;
const HELD_ROWS = 3; // outside of the range at the least: one with the focus, and the ends of the selection

/**
 * The first and last index of the rows from `margin` above a view to `margin` below it, as far as that many are drawn.
 * `heights`: RowHeights; `top`, `view`: where the view begins, and its height.
 * @returns {[number, number]}
 */
export function rangeAround(heights, { top, view, margin }) {
  if (heights.length === 0) return [0, -1];
  const middle = heights.indexAt(top + view / 2);
  const half = Math.floor((ROWS_MAX - HELD_ROWS - 1) / 2);
  const first = Math.max(heights.indexAt(top - margin), middle - half);
  return [first, Math.min(heights.indexAt(top + view + margin), middle + half)];
}

/**
 * The indexes from `first` to `last` and of rows outside of it that must not go, ascending: the row with the focus, and
 * those of the selection, or where these are too many its ends. Each of the three is -1 where there is none.
 */
export function indexesToDraw([first, last], [focused, start, end]) {
  const indexes = new Set(between(first, last));
  for (const index of [focused, start, end]) if (index !== -1) indexes.add(index);
  if (start !== -1 && end !== -1 && Math.abs(start - end) < ROWS_MAX) {
    const all = new Set([...indexes, ...between(Math.min(start, end), Math.max(start, end))]);
    if (all.size <= ROWS_MAX) return ascending(all);
  }
  return ascending(indexes);
}

/** The key that takes the place of one that is gone: of the next item that is still there, else of the one before. */
export function successor(key, before, items) {
  const at = before.findIndex((item) => item.key === key);
  const kept = new Set(items.map((item) => item.key));
  const isKept = (item) => kept.has(item.key);
  return (before.slice(at + 1).find(isKept) ?? before.slice(0, Math.max(at, 0)).findLast(isKept))?.key;
}

function between(first, last) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

function ascending(numbers) {
  return [...numbers].sort((one, other) => one - other);
}
