/** What can be done with a room: the menu of its line in the sidebar and of its header. */

import { isCopied } from "../../ui/clipboard.js";

const LEVELS = { all: "Every message", mentions: "Mentions only", none: "Nothing" };

/** Items for ui/menu.js. */
export function roomMenu(state, page) {
  const { room } = state;
  const { settings } = page;
  const guarded = (work) => () => work().catch((error) => page.failed(error));
  const isStarred = settings.stars.includes(room.id);
  const isRoom = room.kind !== "direct";
  const level = settings.levelOf(room);
  const setStar = async (isNow) => {
    await settings.setStar(room.id, isNow);
    if (!isNow) page.done("The star is removed.", () => settings.setStar(room.id, true));
  };
  const about = { roomId: room.id };
  const mayManage = isRoom && ["owner", "moderator"].includes(room.role);
  const mayInvite = isRoom && (!room.isPrivate || mayManage) && !room.archivedAt;
  return [
    { label: isStarred ? "Remove the star" : "Star", icon: "star", run: guarded(() => setStar(!isStarred)) },
    settings.isUnread(state) && { label: "Mark as read", icon: "check", run: () => page.markRead([state]) },
    { label: "Copy the link", icon: "link", run: () => copyLink(room.id, page) },
    null,
    ...Object.entries(LEVELS).map(([name, label]) => ({
      label: `Notify: ${label.toLowerCase()}`,
      isChecked: level === name,
      run: guarded(() => page.setLevel(room.id, name)),
    })),
    null,
    mayInvite && { label: "Invite people…", icon: "invite", run: () => page.dialog("invite", about) },
    isRoom && {
      label: "Room settings…",
      icon: "settings",
      run: () => page.dialog("room-settings", { roomId: room.id }),
    },
    mayManage && { label: "Reports", icon: "flag", run: () => page.go({ roomId: room.id, panel: "reports" }) },
    mayManage && { label: "Audit trail", icon: "shield", run: () => page.go({ roomId: room.id, panel: "audit" }) },
    isRoom && { label: "Leave the room", icon: "leave", isDanger: true, run: () => page.dialog("leave", about) },
  ].filter((item) => item === null || Boolean(item));
}

async function copyLink(roomId, page) {
  const url = new URL(`#room=${encodeURIComponent(roomId)}`, location.href);
  page.toast((await isCopied(url.href)) ? "The link is copied." : url.href);
}
