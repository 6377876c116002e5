/** What may be done with a member of a room, by whom. */

const ROLES = { member: "Make a member", moderator: "Make a moderator", owner: "Make the owner" };
const RANK = { member: 0, moderator: 1, owner: 2 };

/**
 * Items for ui/menu.js; none where the user may do nothing. `member`: `{userId, name, role}`. `onChanged()` is called
 * after each change.
 */
export function memberMenu({ userId, name, role = "member" }, { room }, page, { onChanged }) {
  const { chat } = page;
  const own = RANK[room.role] ?? 0;
  if (room.kind === "direct" || own === 0 || userId === chat.user.id || (RANK[role] ?? 0) >= own) return [];
  const done = (text, work) => async () => {
    try {
      await work();
      page.toast(text);
      onChanged();
    } catch (error) {
      page.failed(error);
    }
  };
  const setRole = (next) => async () => {
    const text = "A room has one owner: you give it away.";
    const question = { title: `Make ${name} the owner?`, text, action: "Hand over", isDanger: true };
    if (next === "owner" && !(await page.confirm(question))) return;
    await done(`${name} is now ${next}.`, () => chat.api.rooms.setRole(room.id, userId, next))();
  };
  const unmute = () => chat.api.rooms.mute(room.id, userId, null);
  const remove = async () => {
    const text = "They can join again, or be invited again.";
    const question = { title: `Remove ${name}?`, text, action: "Remove", isDanger: true };
    if (await page.confirm(question))
      await done(`${name} was removed.`, () => chat.api.rooms.remove(room.id, userId))();
  };
  const about = { roomId: room.id, userId, name, onChanged };
  return [
    ...(room.role === "owner"
      ? Object.entries(ROLES)
          .filter(([next]) => next !== role)
          .map(([next, label]) => ({ label, icon: "shield", run: setRole(next) }))
      : []),
    { label: "Mute…", icon: "bell-off", run: () => page.dialog("mute", about) },
    { label: "Unmute", icon: "bell", run: done(`${name} may write again.`, unmute) },
    null,
    { label: "Remove from the room…", icon: "leave", isDanger: true, run: remove },
    { label: "Ban…", icon: "ban", isDanger: true, run: () => page.dialog("ban", about) },
  ];
}
