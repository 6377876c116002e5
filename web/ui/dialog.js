/** A modal dialog; on a narrow screen it is a sheet at the bottom (by CSS). */

import { h, patch } from "./view.js";
import { iconButton } from "./icons.js";

/**
 * Open a dialog and resolve to what it is closed with: null by Escape, a click beside it or its Close button.
 * `mount({body, close, dialog})` draws into `body` and may return a function that is called when the dialog closes.
 * The focus goes to the first element with `autofocus`, and back to where it was.
 */
export function openDialog({ title, className = "", mount }) {
  const dialog = document.createElement("dialog");
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  let result = null;
  let unmount = null;
  const close = (value = null) => {
    result = value;
    dialog.close();
  };
  dialog.className = className;
  dialog.setAttribute("aria-label", title);
  document.body.append(dialog);
  const body = (node) => {
    unmount = mount({ body: node, close, dialog });
  };
  patch(dialog, [
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { dir: "auto" }, title),
      iconButton("close", "Close", { on: { click: () => close() } }),
    ),
    h("div", { class: "dialog-body", foreign: true, ref: body }),
  ]);
  dialog.addEventListener("mousedown", (event) => event.target === dialog && isBeside(dialog, event) && close());
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      unmount?.();
      dialog.remove();
      // The browser has done so, and what the dialog was closed with may have led on.
      if (before?.isConnected && document.activeElement === document.body) before.focus();
      resolve(result);
    });
    dialog.showModal();
    /** @type {HTMLElement | null} */ (dialog.querySelector("[autofocus]"))?.focus();
  });
}

/** The dialog's own box is hit by a click on its padding, too: what is beside it is outside of the box. */
function isBeside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}
