/** Invites into a room: people by name, and by a link. */

import { chosenInvite, inviteFields } from "./invite-fields.js";
import { copyField } from "./copy-field.js";
import { endpoint } from "../../client/api-request.js";
import { h } from "../../ui/view.js";
import { openFindPersonDialog } from "./find-person-dialog.js";

/** `roomId`: of the room. */
export function openInviteDialog({ page, roomId }) {
  return openFindPersonDialog({ page, roomId, more: (draw) => linkMaker({ page, roomId, draw }) });
}

/** A function that draws the link, once there is one, and the form that makes it. */
function linkMaker({ page, roomId, draw }) {
  let url = null;
  const make = async (event) => {
    event.preventDefault();
    try {
      const invite = await page.chat.api.rooms.createInvite(roomId, chosenInvite(event.target.elements));
      url = endpoint(page.chat.api.baseUrl, invite.url).href;
      draw();
    } catch (error) {
      draw(error.message);
    }
  };
  return () =>
    url === null
      ? h(
          "form",
          { class: "form", on: { submit: make } },
          inviteFields(),
          h("button", { type: "submit" }, "Make an invite link"),
        )
      : copyField({ label: "Invite link", value: url, tell: draw, hasFocus: true });
}
