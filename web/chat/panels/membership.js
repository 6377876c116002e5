/** A membership that a moderator ends, and how it begins again. */

/** The member of a room whom the server has by this user name now, or null. Throws ChatError. */
export async function memberNow(chat, roomId, { userId, username }) {
  // The list is sorted by user name, so that of those whose names begin so the person is the first.
  const { members } = await chat.members(roomId, { q: username, limit: 1 });
  return members.find((member) => member.userId === userId) ?? null;
}

/** Make a person a member again, with the role of before. A mute goes on by itself. Throws ChatError. */
export async function addAgain(chat, roomId, { userId, role }) {
  await chat.invite(roomId, userId);
  if (role === "moderator") await chat.api.rooms.setRole(roomId, userId, role);
}
