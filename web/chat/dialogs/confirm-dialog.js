/** Asks before something is done that cannot be undone. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

/** Resolves to whether the action was chosen. `action`: the label of its button. */
export async function openConfirmDialog({ title, text = "", action, isDanger = false, cancel = "Cancel" }) {
  const mount = ({ body, close }) => {
    const button = isDanger ? "danger" : "primary";
    patch(body, [
      text && h("p", { dir: "auto" }, text),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", on: { click: () => close() } }, cancel),
        h("button", { type: "button", class: button, autofocus: true, on: { click: () => close(true) } }, action),
      ),
    ]);
  };
  return (await openDialog({ title, mount })) === true;
}
