/** What may be done with a member of a room, by whom. */

const ROLES = { member: "Make a member", moderator: "Make a moderator", owner: "Make the owner" };
const RANK = { member: 0, moderator: 1, owner: 2 };

/**
 * Items for ui/menu.js; none where the user may do nothing. `member`: `{userId, name, role}`. `mutes`: see
 * room-mutes.js. `onChanged()` is called after each change.
 */
export function memberMenu({ userId, name, role = "member" }, { room }, page, { mutes, onChanged }) {
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
  const isMuted = mutes.isMuted(userId); // where it is not known, either may be wanted
  const remove = async () => {
    const text = "They can join again, or be invited again.";
    const question = { title: `Remove ${name}?`, text, action: "Remove", isDanger: true };
    if (await page.confirm(question))
      await done(`${name} was removed.`, () => chat.api.rooms.remove(room.id, userId))();
  };
  const about = { roomId: room.id, userId, name, onChanged };
  const onMuted = (member) => {
    mutes.learn(member);
    onChanged();
  };
  const mute = () => page.dialog("mute", { ...about, onChanged: onMuted });
  const endMute = async () => mutes.learn((await chat.api.rooms.mute(room.id, userId, null)).member);
  const unmute = done(`${name} may write again.`, endMute);
  return [
    ...(room.role === "owner"
      ? Object.entries(ROLES)
          .filter(([next]) => next !== role)
          .map(([next, label]) => ({ label, icon: "shield", run: setRole(next) }))
      : []),
    ...(isMuted === true ? [] : [{ label: "Mute…", icon: "bell-off", run: mute }]),
    ...(isMuted === false ? [] : [{ label: "Unmute", icon: "bell", run: unmute }]),
    null,
    { label: "Remove from the room…", icon: "leave", isDanger: true, run: remove },
    { label: "Ban…", icon: "ban", isDanger: true, run: () => page.dialog("ban", about) },
  ];
}
