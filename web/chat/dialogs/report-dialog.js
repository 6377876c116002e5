/** Reports a message to the moderators of its room. */

import { h } from "../../ui/view.js";
import { openFormDialog } from "../../ui/form-dialog.js";

const REASON_MAX = 500;

export async function openReportDialog({ page, message }) {
  const field = { name: "reason", rows: "3", maxlength: REASON_MAX, required: true, autofocus: true, dir: "auto" };
  const isDone = await openFormDialog({
    title: "Report this message",
    action: "Report",
    isDanger: true,
    fields: () => [
      h("p", {}, "The moderators of this room see your report, and that it is yours."),
      h("label", {}, "What is wrong with it?", h("textarea", field)),
    ],
    submit: ({ reason }) => page.chat.api.messages.report(message.id, reason.value.trim()),
  });
  if (isDone) page.toast("Reported to the moderators.");
}
