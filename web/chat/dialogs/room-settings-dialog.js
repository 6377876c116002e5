/** A room's settings, bans and invite links: for its moderators to change, for others to read. */

import { h, patch } from "../../ui/view.js";
import { openDialog } from "../../ui/dialog.js";
import { RoomBans } from "./room-bans.js";
import { RoomForm } from "./room-form.js";
import { RoomInvites } from "./room-invites.js";

/** Title → component of moderators: `constructor({root, page, roomId, closeDialog})`, `close()`. */
const SECTIONS = { Settings: RoomForm, "Invite links": RoomInvites, Bans: RoomBans };

/** `roomId`: of the room. */
export function openRoomSettingsDialog({ page, roomId }) {
  const { room } = page.chat.rooms.get(roomId);
  const titles = room.role === "member" ? ["Settings"] : Object.keys(SECTIONS);
  const mount = ({ body, close }) => {
    let section = null;
    const choose = (title) => {
      section?.close();
      const ref = (root) => (section = new SECTIONS[title]({ root, page, roomId, closeDialog: close }));
      const tab = (name) =>
        h(
          "button",
          {
            ...{ key: name, type: "button", class: "preferences-tab", "aria-current": name === title ? "true" : null },
            on: { click: () => choose(name) },
          },
          name,
        );
      patch(body, [
        titles.length > 1 && h("nav", { class: "tabs", "aria-label": "Settings of the room" }, titles.map(tab)),
        h("section", { key: title, class: "preferences-section", "aria-label": title, foreign: true, ref }),
      ]);
    };
    choose("Settings");
    return () => section?.close();
  };
  return openDialog({ title: room.name, mount });
}
