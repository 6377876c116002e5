/** Bans a person from a room: they are removed and cannot come back until the time is over. */

import { h } from "../../ui/view.js";
import { openFormDialog } from "../../ui/form-dialog.js";
import { spanField } from "./span-field.js";
import { spanText } from "../../ui/spans.js";

export async function openBanDialog({ page, roomId, userId, name, onChanged }) {
  let expiresIn = null; // seconds
  const isDone = await openFormDialog({
    title: `Ban ${name}`,
    action: "Ban",
    isDanger: true,
    fields: () => [
      h("p", {}, "They are removed from the room and cannot come back until the time is over."),
      h("label", {}, "For how long?", spanField(7 * 24 * 60, { endless: "For good" })),
      h("label", {}, "Reason", h("textarea", { name: "reason", rows: "2", maxlength: 500, dir: "auto" })),
    ],
    submit: ({ span, reason }) => {
      expiresIn = span.value ? Number(span.value) * 60 : null;
      return page.chat.api.rooms.ban(roomId, userId, { reason: reason.value.trim() || null, expiresIn });
    },
  });
  if (!isDone) return;
  page.toast(`${name} is banned ${expiresIn ? `for ${spanText(expiresIn)}` : "for good"}.`);
  onChanged();
}
