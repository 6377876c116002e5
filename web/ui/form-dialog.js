/**
 * A dialog that is one form: what fails is said in it, and it closes when all is done. Whoever closes it before the
 * answer learns that from what it resolves to, or rejects with.
 */

import { h, patch } from "./view.js";
import { openDialog } from "./dialog.js";
import { singleFlight } from "./single-flight.js";

/**
 * Resolves to whether the form was sent. `fields()`: the vnodes above the button, drawn again after a failure. `action`:
 * the label of the button. `submit(elements)` may reject: the error's message is shown, or the error is thrown where the
 * dialog was closed meanwhile.
 */
export async function openFormDialog({ title, fields, action, isDanger = false, submit }) {
  let sending = null; // the promise of `submit`, until its failure was shown
  const mount = ({ body, close, dialog }) => {
    const draw = (error = "") =>
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit: send } },
          fields(),
          h("p", { class: "form-error", role: "alert" }, error),
          h(
            "div",
            { class: "dialog-actions" },
            h("button", { type: "submit", class: isDanger ? "danger" : "primary" }, action),
          ),
        ),
      );
    const sendOnce = singleFlight(async (elements) => {
      try {
        sending = submit(elements);
        await sending;
        close(true);
      } catch (error) {
        if (!dialog.open) return;
        sending = null;
        draw(error.message);
      }
    });
    const send = (event) => {
      event.preventDefault();
      void sendOnce(event.target.elements);
    };
    draw();
  };
  if (await openDialog({ title, mount })) return true;
  if (!sending) return false;
  await sending;
  return true;
}
