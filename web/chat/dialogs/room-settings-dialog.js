/** A room's settings, invite links, bans and integrations: for its moderators to change, for others to read. */

import { openTabbedDialog } from "./tabbed-dialog.js";
import { RoomBans } from "./room-bans.js";
import { RoomForm } from "./room-form.js";
import { RoomIntegrations } from "./room-integrations.js";
import { RoomInvites } from "./room-invites.js";

const OF_ALL = { Settings: RoomForm };
const OF_INVITERS = { ...OF_ALL, "Invite links": RoomInvites };
const OF_MODERATORS = { ...OF_INVITERS, Bans: RoomBans, Integrations: RoomIntegrations };

/** `roomId`: of the room. */
export function openRoomSettingsDialog({ page, roomId }) {
  const { room } = page.chat.rooms.get(roomId);
  const ofMember = room.isPrivate || room.archivedAt ? OF_ALL : OF_INVITERS;
  return openTabbedDialog({
    ...{ title: room.name, label: "Settings of the room", layout: "room-settings", options: { page, roomId } },
    sections: room.role === "member" ? ofMember : OF_MODERATORS,
  });
}
