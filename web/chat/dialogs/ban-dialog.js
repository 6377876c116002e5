/** Bans a person from a room: they are removed and cannot come back until the time is over. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { spanField } from "./mute-dialog.js";

export function openBanDialog({ page, roomId, userId, name, onChanged }) {
  const mount = ({ body, close }) => {
    const draw = (error = "") =>
      patch(
        body,
        h(
          "form",
          { class: "form", on: { submit } },
          h("p", {}, "They are removed from the room and cannot come back until the time is over."),
          h("label", {}, "For how long?", spanField(7 * 24 * 60, { isEndless: true })),
          h("label", {}, "Reason", h("textarea", { name: "reason", rows: "2", maxlength: 500, dir: "auto" })),
          h("p", { class: "form-error", role: "alert" }, error),
          h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "danger" }, "Ban")),
        ),
      );
    const submit = async (event) => {
      event.preventDefault();
      const { span, reason } = event.target.elements;
      const expiresIn = span.value ? Number(span.value) * 60 : null;
      try {
        await page.chat.api.rooms.ban(roomId, userId, { reason: reason.value.trim() || null, expiresIn });
        close();
        page.toast(`${name} is banned.`);
        onChanged();
      } catch (error) {
        draw(error.message);
      }
    };
    draw();
  };
  return openDialog({ title: `Ban ${name}`, mount });
}
