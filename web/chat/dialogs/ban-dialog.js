/** Bans a person from a room: they are removed and cannot come back until the time is over. */

import { addAgain, memberNow } from "../panels/membership.js";
import { h } from "../../ui/view.js";
import { openFormDialog } from "../../ui/form-dialog.js";
import { spanField } from "./span-field.js";
import { spanText } from "../../ui/spans.js";

export async function openBanDialog({ page, roomId, userId, username, name, onChanged }) {
  const { chat } = page;
  let expiresIn = null; // seconds
  let member = null; // as they were before
  const isDone = await openFormDialog({
    title: `Ban ${name}`,
    action: "Ban",
    isDanger: true,
    fields: () => [
      h("p", {}, "They are removed from the room and cannot come back until the time is over."),
      h("label", {}, "For how long?", spanField(7 * 24 * 60, { endless: "For good" })),
      h("label", {}, "Reason", h("textarea", { name: "reason", rows: "2", maxlength: 500, dir: "auto" })),
    ],
    submit: async ({ span, reason }) => {
      expiresIn = span.value ? Number(span.value) * 60 : null;
      member = await memberNow(chat, roomId, { userId, username }).catch(() => null);
      await chat.api.rooms.ban(roomId, userId, { reason: reason.value.trim() || null, expiresIn });
    },
  });
  if (!isDone) return;
  const time = expiresIn ? `for ${spanText(expiresIn)}` : "for good";
  page.done(`${name} is banned ${time}. Undo ends the ban${member ? " and adds them again" : ""}.`, async () => {
    await chat.api.rooms.unban(roomId, userId);
    const told = member ? await backTold({ chat, roomId, member, name }) : `${name} may come back.`;
    onChanged();
    return told;
  });
  onChanged();
}

/** The ban is over: what came of the membership of before. */
async function backTold({ chat, roomId, member, name }) {
  try {
    await addAgain(chat, roomId, member);
    return `The ban is over, and ${name} is a member again.`;
  } catch (error) {
    return `The ban is over, but ${name} could not be added again: ${error.message}`;
  }
}
