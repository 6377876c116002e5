/** What may be done with a member of a room, by whom. */

import { addAgain } from "./membership.js";

const ROLES = { member: "Make a member", moderator: "Make a moderator", owner: "Make the owner" };
const RANK = { member: 0, moderator: 1, owner: 2 };

/**
 * Items for ui/menu.js; none where the user may do nothing. `member`: `{userId, username, name, role}`. `mutes`: see
 * room-mutes.js. `onChanged()` is called after each change.
 */
export function memberMenu({ userId, username, name, role = "member" }, { room }, page, { mutes, onChanged }) {
  const { chat } = page;
  const own = RANK[room.role] ?? 0;
  if (room.kind === "direct" || own === 0 || userId === chat.user.id || (RANK[role] ?? 0) >= own) return [];
  const { rooms } = chat.api;
  /** `undo()` resolves to what is told then; null where there is none. */
  const done = (text, work, undo) => async () => {
    const undone = async () => {
      const told = await undo();
      onChanged();
      return told;
    };
    try {
      await work();
      if (undo) page.done(text, undone);
      else page.toast(text);
      onChanged();
    } catch (error) {
      page.failed(error);
    }
  };
  const handOver = async () => {
    const text = "A room has one owner: you become a moderator, and cannot undo it. Only the new owner can.";
    const question = { title: `Make ${name} the owner?`, text, action: "Hand over", isDanger: true };
    if (!(await page.confirm(question))) return;
    await done(`${name} is now owner.`, () => rooms.setRole(room.id, userId, "owner"), null)();
  };
  const setRole = (next) => {
    if (next === "owner") return handOver;
    const undo = async () => {
      await rooms.setRole(room.id, userId, role);
      return `${name} is a ${role} again.`;
    };
    return done(`${name} is now ${next}.`, () => rooms.setRole(room.id, userId, next), undo);
  };
  const isMuted = mutes.isMuted(userId); // where it is not known, either may be wanted
  const remove = async () => {
    const text = room.archivedAt
      ? "They can come back only once the room is not archived any more."
      : "They can join again, or be invited again.";
    const question = { title: `Remove ${name}?`, text, action: "Remove", isDanger: true };
    if (!(await page.confirm(question))) return;
    const undo = async () => {
      await addAgain(chat, room.id, { userId, role });
      return `${name} is a member again.`;
    };
    await done(`${name} was removed.`, () => rooms.remove(room.id, userId), room.archivedAt ? null : undo)();
  };
  const about = { roomId: room.id, userId, username, name, onChanged };
  const onMuted = (member) => {
    mutes.learn(member);
    onChanged();
  };
  const mute = () => page.dialog("mute", { ...about, onChanged: onMuted });
  const setMute = async (until) => mutes.learn((await rooms.mute(room.id, userId, until)).member);
  const until = mutes.until(userId);
  const muteAgain = async () => {
    await setMute(new Date(until).toISOString());
    return `${name} is muted as before.`;
  };
  const unmute = done(`${name} may write again.`, () => setMute(null), until ? muteAgain : null);
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
