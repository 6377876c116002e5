/** Asks before something is done that cannot be undone. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

/**
 * Resolves to whether the action was chosen. `action`: the label of its button. `typed`: a name that has to be typed
 * before that can be pressed.
 */
export async function openConfirmDialog({ title, text = "", action, isDanger = false, cancel = "Cancel", typed = "" }) {
  const mount = ({ body, close }) => {
    const draw = (isAgreed) => {
      const submit = (event) => {
        event.preventDefault();
        if (isAgreed) close(true);
      };
      const input = ({ target }) => draw(isSameName(target.value, typed));
      const field = { type: "text", dir: "auto", autocomplete: "off", autofocus: true, on: { input } };
      const button = { type: "submit", class: isDanger ? "danger" : "primary", autofocus: !typed, disabled: !isAgreed };
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          text && h("p", { dir: "auto" }, text),
          typed && h("label", {}, "Type ", h("bdi", { class: "to-type" }, typed), " to go on", h("input", field)),
          h(
            "div",
            { class: "dialog-actions" },
            h("button", { type: "button", on: { click: () => close() } }, cancel),
            h("button", button, action),
          ),
        ),
      );
    };
    draw(!typed);
  };
  return (await openDialog({ title, mount })) === true;
}

/** Whether they look the same: what is not seen of a name, or folded by the browser, nobody can type. */
function isSameName(one, other) {
  const seen = (name) =>
    name
      .normalize("NFC")
      .replace(/\p{Cf}/gu, "")
      .replace(/\s+/gu, " ")
      .trim();
  return seen(one) === seen(other);
}
