/** How long something lasts, in words. Pure. */

import { plural } from "./text.js";

/** @type {[number, string][]} Seconds, and what they are called. */
const UNITS = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** "30 minutes", "1 day, 9 hours and 20 minutes" */
export function spanText(seconds) {
  let left = Math.round(seconds);
  const parts = [];
  for (const [size, name] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(plural(count, name));
    left -= count * size;
  }
  const last = parts.pop() ?? plural(0, "second");
  return parts.length > 0 ? `${parts.join(", ")} and ${last}` : last;
}
