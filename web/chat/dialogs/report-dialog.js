/** Reports a message to the moderators of its room. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

const REASON_MAX = 500;

export function openReportDialog({ page, message }) {
  const mount = ({ body, close }) => {
    const draw = (error = "") => {
      const field = { name: "reason", rows: "3", maxlength: REASON_MAX, required: true, autofocus: true, dir: "auto" };
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          h("p", {}, "The moderators of this room see your report, and that it is yours."),
          h("label", {}, "What is wrong with it?", h("textarea", field)),
          h("p", { class: "form-error", role: "alert" }, error),
          h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "danger" }, "Report")),
        ),
      );
    };
    const submit = async (event) => {
      event.preventDefault();
      try {
        await page.chat.api.messages.report(message.id, event.target.elements.reason.value.trim());
        close();
        page.toast("Reported to the moderators.");
      } catch (error) {
        draw(error.message);
      }
    };
    draw();
  };
  return openDialog({ title: "Report this message", mount });
}
