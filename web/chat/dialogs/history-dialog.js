/** The texts that a message had before it was edited. */

import { fullLabel } from "../../ui/dates.js";
import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";

export function openHistoryDialog({ page, message }) {
  const mount = async ({ body }) => {
    patch(body, h("p", { role: "status" }, "Loading…"));
    try {
      const { history } = await page.chat.api.messages.history(message.id);
      const row = ({ content, editedAt }, index) =>
        h(
          "li",
          { key: index },
          h("time", { class: "hint" }, fullLabel(new Date(editedAt))),
          h("p", { dir: "auto" }, content),
        );
      patch(body, h("ol", { class: "history" }, history.map(row)));
    } catch (error) {
      patch(body, h("p", { class: "form-error", role: "alert" }, error.message));
    }
  };
  return openDialog({ title: "Earlier texts", mount: (parts) => void mount(parts) });
}
