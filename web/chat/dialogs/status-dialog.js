/** A few words about oneself, which others see beside the name. */

import { h } from "../../ui/view.js";
import { openFormDialog } from "../../ui/form-dialog.js";

export function openStatusDialog({ page: { chat } }) {
  const field = { name: "custom", maxlength: 140, autofocus: true, autocomplete: "off", dir: "auto" };
  return openFormDialog({
    title: "Your status",
    action: "Save",
    fields: () => h("label", {}, "A few words", h("input", { ...field, value: chat.user?.customStatus ?? "" })),
    submit: ({ custom }) => chat.setStatus(chat.user.status, custom.value.trim() || null),
  });
}
