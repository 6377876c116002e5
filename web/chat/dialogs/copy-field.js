/** A text to take along: in a field where it can be selected, with a button that copies it. */

import { h } from "../../ui/view.js";
import { isCopied } from "../../ui/clipboard.js";

/**
 * `label`: what it is. `tell(text)`: says in the dialog what became of copying; a notice of the page would be behind it.
 * `hasFocus`: the field gets the focus when it is drawn first, or when the dialog opens if it is drawn before that.
 */
export function copyField({ label, value, tell, hasFocus = false }) {
  const copy = async () => {
    tell((await isCopied(value)) ? "Copied." : "This browser lets no page copy. Select the text instead.");
  };
  const field = {
    ...{ type: "text", readonly: true, "aria-label": label, value, spellcheck: "false", autofocus: hasFocus },
    on: { focus: ({ target }) => target.select() },
    ref: (node) => hasFocus && node.focus(),
  };
  const button = { type: "button", class: "primary", "aria-label": `Copy: ${label}`, on: { click: copy } };
  return h("div", { class: "copy-field" }, h("input", field), h("button", button, "Copy"));
}
