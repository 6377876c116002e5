/** A few words about oneself, which others see beside the name. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

export function openStatusDialog({ page }) {
  const { chat } = page;
  const mount = ({ body, close }) => {
    const draw = (error = "") => {
      const field = {
        name: "custom",
        value: chat.user.customStatus ?? "",
        maxlength: 140,
        autofocus: true,
        dir: "auto",
      };
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          h("label", {}, "A few words", h("input", { ...field, autocomplete: "off" })),
          h("p", { class: "form-error", role: "alert" }, error),
          h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "primary" }, "Save")),
        ),
      );
    };
    const submit = async (event) => {
      event.preventDefault();
      try {
        await chat.setStatus(chat.user.status, event.target.elements.custom.value.trim() || null);
        close();
      } catch (error) {
        draw(error.message);
      }
    };
    draw();
  };
  return openDialog({ title: "Your status", mount });
}
