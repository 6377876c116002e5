/** Invites into a room: people by name, and by a link. */

import { chosenInvite, inviteFields } from "./invite-fields.js";
import { copyField } from "./copy-field.js";
import { endpoint } from "../../client/api-request.js";
import { h } from "../../ui/view.js";
import { openFindPersonDialog } from "./find-person-dialog.js";
import { singleFlight } from "../../ui/single-flight.js";

/** `roomId`: of the room. */
export function openInviteDialog({ page, roomId }) {
  return openFindPersonDialog({ page, roomId, below: linkMaker({ page, roomId }) });
}

/** A function that draws the form that makes a link, and then the link, below a SearchList. */
function linkMaker({ page, roomId }) {
  let url = null;
  const makeOnce = singleFlight(async (chosen, list) => {
    try {
      const invite = await page.chat.api.rooms.createInvite(roomId, chosen);
      url = endpoint(page.chat.api.baseUrl, invite.url).href;
      if (list.isOpen) return list.draw();
      page.toast("The invite link is made: it is in the settings of the room.");
    } catch (error) {
      if (!list.isOpen) return page.failed(error);
      list.say(error.message);
    }
  });
  const make = (event, list) => {
    event.preventDefault();
    void makeOnce(chosenInvite(event.target.elements), list);
  };
  return (list) =>
    url === null
      ? h(
          "form",
          { class: "form", on: { submit: (event) => make(event, list) } },
          inviteFields(),
          h("button", { type: "submit" }, "Make an invite link"),
        )
      : copyField({ label: "Invite link", value: url, tell: (text) => list.say(text), hasFocus: true });
}
