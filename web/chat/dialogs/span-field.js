/** How long something is to last, to choose in a form. */

import { h } from "../../ui/view.js";

/** Minutes, and what they are called. */
const SPANS = [
  [10, "10 minutes"],
  [60, "1 hour"],
  [24 * 60, "1 day"],
  [7 * 24 * 60, "1 week"],
  [30 * 24 * 60, "30 days"],
];

/** `minutes`: what is chosen at first. `endless`: what one that never ends is called, if there is one; its value is "". */
export function spanField(minutes, { endless = null } = {}) {
  const options = SPANS.map(([value, label]) => h("option", { value, selected: value === minutes }, label));
  return h("select", { name: "span" }, options, endless && h("option", { value: "" }, endless));
}
