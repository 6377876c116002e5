/** Of which messages the user is notified, and what a notification says. Pure. */

import { parse, plainText } from "../ui/markdown.js";

const TEXT_MAX = 160;

/**
 * Whether to notify of a message. `level`: all, mentions or none. `since`: the room's newest seq that was
 * considered, or was there when the page began: that is shown as unread. `isShown`: whether the user sees the room.
 */
export function isToBeTold(message, { room, level, me, blocks, since, isShown }) {
  const { seq, type, userId, deletedAt, mentions = [] } = message;
  if (isShown || me.status === "busy" || level === "none") return false;
  if (type === "system" || deletedAt || userId === me.id || blocks.has(userId)) return false;
  if (seq <= Math.max(since, room.readSeq ?? 0)) return false;
  return level === "all" || mentions.includes(me.id) || mentions.includes("room");
}

/** `{title, body}`: who wrote, where, and what. `count`: of the messages that are not read, this one included. */
export function notificationText(message, { author, room, roomName, count }) {
  const where = room.kind === "direct" ? "" : ` in ${roomName}`;
  const more = count > 1 ? ` (${count} new)` : "";
  return { title: `${author}${where}${more}`, body: bodyOf(message) };
}

function bodyOf({ content, attachments = [] }) {
  const text = plainText(parse(content ?? "").blocks)
    .replace(/\s+/g, " ")
    .trim();
  const characters = [...text];
  if (characters.length > TEXT_MAX) return `${characters.slice(0, TEXT_MAX - 1).join("")}…`;
  return text || attachments.map(({ name }) => name).join(", ");
}
