/** A room's settings, invite links, bans and integrations: for its moderators to change, for others to read. */

import { openTabbedDialog } from "./tabbed-dialog.js";
import { RoomBans } from "./room-bans.js";
import { RoomForm } from "./room-form.js";
import { RoomIntegrations } from "./room-integrations.js";
import { RoomInvites } from "./room-invites.js";

const OF_ALL = { Settings: RoomForm };
const OF_MODERATORS = { ...OF_ALL, "Invite links": RoomInvites, Bans: RoomBans, Integrations: RoomIntegrations };

/** `roomId`: of the room. */
export function openRoomSettingsDialog({ page, roomId }) {
  const { room } = page.chat.rooms.get(roomId);
  return openTabbedDialog({
    ...{ title: room.name, label: "Settings of the room", layout: "room-settings", options: { page, roomId } },
    sections: room.role === "member" ? OF_ALL : OF_MODERATORS,
  });
}
