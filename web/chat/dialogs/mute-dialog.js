/** Mutes a member of a room for some time. */

import { h } from "../../ui/view.js";
import { openFormDialog } from "../../ui/form-dialog.js";
import { spanField } from "./span-field.js";
import { spanText } from "../../ui/spans.js";

/** `onChanged(member)`: called with the member as the server has it then. */
export async function openMuteDialog({ page, roomId, userId, name, onChanged }) {
  let seconds = 0;
  let member = null;
  const isDone = await openFormDialog({
    title: `Mute ${name}`,
    action: "Mute",
    isDanger: true,
    fields: () => [
      h("p", {}, "They go on reading, and cannot write until the time is over."),
      h("label", {}, "For how long?", spanField(60)),
    ],
    submit: async ({ span }) => {
      seconds = Number(span.value) * 60;
      const until = new Date(Date.now() + seconds * 1000);
      member = (await page.chat.api.rooms.mute(roomId, userId, until.toISOString())).member;
    },
  });
  if (!isDone) return;
  page.done(`${name} is muted for ${spanText(seconds)}.`, async () => {
    onChanged((await page.chat.api.rooms.mute(roomId, userId, null)).member);
    return `${name} may write again.`;
  });
  onChanged(member);
}
