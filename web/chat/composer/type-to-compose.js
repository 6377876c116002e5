/** Whoever begins to type while nothing that takes text has the focus writes into the message field. */

import { isComposing } from "../../ui/keys.js";

const EDITABLE = "input, textarea, select, [contenteditable=''], [contenteditable='true']";
const PRESSED = "button, a, summary, [role='button'], [role='menuitem'], [role='option'], [role='tab']";

/** Call `focus()` when a key begins a text, until `signal` aborts. */
export function typeToCompose({ focus, signal }) {
  // At the window, so that each shortcut has had its turn and says so by preventDefault.
  addEventListener("keydown", (event) => beginsText(event) && focus(), { signal });
}

function beginsText(event) {
  if (event.defaultPrevented || isComposing(event) || event.key.length !== 1) return false;
  const isAltGraph = event.getModifierState("AltGraph"); // some keyboards write @ by it, as Ctrl+Alt on Windows
  if (event.metaKey || ((event.ctrlKey || event.altKey) && !isAltGraph)) return false;
  const { target } = event;
  if (document.querySelector("dialog[open]") || target.closest?.(EDITABLE)) return false;
  if (event.key !== " ") return true;
  return !target.closest?.(PRESSED) && target === document.body; // elsewhere Space scrolls
}
