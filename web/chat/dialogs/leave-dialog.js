/** Leaves a room: at once where that can be undone, else it asks and says what is lost. */

export async function leaveRoom({ page, roomId }) {
  const { chat, settings } = page;
  const { room, unread } = chat.rooms.get(roomId);
  const name = chat.nameOf(room);
  const loss = lossOf(room);
  const question = { title: `Leave ${name}?`, text: loss, action: "Leave", cancel: "Stay", isDanger: true };
  if (loss && !(await page.confirm(question))) return;
  const isShown = page.roomId === roomId;
  const from = unread > 0 ? (room.readSeq ?? 0) + 1 : null;
  await chat.leave(roomId);
  if (room.isPrivate || room.archivedAt) return;
  page.done(`You left ${name}.`, async () => {
    await chat.join(roomId);
    if (isShown) page.go({ roomId });
    if (from !== null) await settings.markUnread({ [roomId]: from }); // who joins has read all
  });
}

/** What joining again does not bring back; "" for nothing. */
function lossOf({ isPrivate, archivedAt, role }) {
  const roles = {
    owner: "It gets another owner: you come back as a member.",
    moderator: "You come back as a member, and are no moderator any more.",
  };
  const way = isPrivate
    ? "You can come back only if you are invited again."
    : archivedAt
      ? "You can come back only once it is not archived any more."
      : "";
  return [way, roles[role]].filter(Boolean).join(" ");
}
