/** How long something is to last, to choose in a form. */

import { h } from "../../ui/view.js";
import { spanText } from "../../ui/spans.js";

const SPANS = [10, 60, 24 * 60, 7 * 24 * 60, 30 * 24 * 60]; // minutes

/** `minutes`: what is chosen at first. `endless`: what one that never ends is called, if there is one; its value is "". */
export function spanField(minutes, { endless = null } = {}) {
  const options = SPANS.map((value) => h("option", { value, selected: value === minutes }, spanText(value * 60)));
  return h("select", { name: "span" }, options, endless && h("option", { value: "" }, endless));
}
