/** What can be done with a room: the menu of its line in the sidebar and of its header. */

const LEVELS = { all: "Every message", mentions: "Mentions only", none: "Nothing" };

/** Items for ui/menu.js. */
export function roomMenu(state, page) {
  const { room, unread } = state;
  const { settings } = page;
  const guarded = (work) => () => work().catch((error) => page.failed(error));
  const isStarred = settings.stars.includes(room.id);
  const isRoom = room.kind !== "direct";
  const level = settings.levelOf(room);
  const about = { roomId: room.id };
  const mayManage = isRoom && ["owner", "moderator"].includes(room.role);
  const mayInvite = isRoom && (!room.isPrivate || mayManage) && !room.archivedAt;
  return [
    { label: isStarred ? "Remove the star" : "Star", icon: "star", run: guarded(() => settings.toggleStar(room.id)) },
    unread > 0 && { label: "Mark as read", icon: "check", run: () => markRead(state, page) },
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
    isRoom && { label: "Leave the room…", icon: "leave", isDanger: true, run: guarded(() => leave(room, page)) },
  ].filter((item) => item === null || Boolean(item));
}

function markRead(state, page) {
  page.chat.read(state.room.id, state.room.lastSeq);
  if (page.settings.unreadFrom(state.room.id) !== null)
    void page.settings.markUnread(state.room.id, null).catch(() => {});
}

async function copyLink(roomId, page) {
  const url = new URL(`#room=${encodeURIComponent(roomId)}`, location.href);
  try {
    await navigator.clipboard.writeText(url.href);
    page.toast("The link is copied.");
  } catch {
    page.toast(url.href); // the browser gives no clipboard to pages without HTTPS
  }
}

/** Leaving asks: what a private room has is not seen again without an invitation. */
async function leave(room, page) {
  const back = room.isPrivate
    ? "You can come back only if you are invited again."
    : "You can join it again at any time.";
  const answer = { title: `Leave ${room.name}?`, text: back, action: "Leave", cancel: "Stay", isDanger: true };
  if (await page.confirm(answer)) await page.chat.leave(room.id);
}
