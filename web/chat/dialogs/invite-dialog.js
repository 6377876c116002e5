/** Invites into a room: people by name, and by a link for those who may make one. */

import { copyField } from "./copy-field.js";
import { endpoint } from "../../client/api-request.js";
import { h } from "../../ui/view.js";
import { openFindPersonDialog } from "./find-person-dialog.js";

/** `roomId`: of the room. */
export function openInviteDialog({ page, roomId }) {
  const { room } = page.chat.rooms.get(roomId);
  const mayLink = ["owner", "moderator"].includes(room.role);
  return openFindPersonDialog({ page, roomId, more: mayLink ? (draw) => linkMaker({ page, roomId, draw }) : null });
}

/** A function that draws the link, once there is one, and the button that makes it. */
function linkMaker({ page, roomId, draw }) {
  let url = null;
  const make = async () => {
    try {
      const invite = await page.chat.api.rooms.createInvite(roomId, { expiresIn: 7 * 24 * 3600 });
      url = endpoint(page.chat.api.baseUrl, invite.url).href;
      draw();
    } catch (error) {
      draw(error.message);
    }
  };
  return () =>
    url === null
      ? h("button", { type: "button", on: { click: make } }, "Make an invite link for 7 days")
      : copyField({ label: "Invite link", value: url, tell: draw });
}
