/** A dialog that is one form: what fails is said in it, and it closes when all is done. */

import { h, patch } from "./view.js";
import { openDialog } from "./dialog.js";
import { singleFlight } from "./single-flight.js";

/**
 * Resolves to whether the form was sent. `fields()`: the vnodes above the button, drawn again after a failure. `action`:
 * the label of the button. `submit(elements)` may reject: the error's message is shown.
 */
export async function openFormDialog({ title, fields, action, isDanger = false, submit }) {
  const mount = ({ body, close }) => {
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
        await submit(elements);
        close(true);
      } catch (error) {
        draw(error.message);
      }
    });
    const send = (event) => {
      event.preventDefault();
      void sendOnce(event.target.elements);
    };
    draw();
  };
  return (await openDialog({ title, mount })) === true;
}
