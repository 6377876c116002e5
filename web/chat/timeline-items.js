/** How messages are set out: days, groups by author, the line above what is new, and what is not sent yet. Pure. */

import { sameDay } from "../ui/text.js";

const GROUP_MS = 5 * 60_000;

/**
 * Items in the order they are shown, each with a stable `key`: `{kind: "day", date}`, `{kind: "new"}`, and
 * `{kind: "message", message, date, follows, entry}`, where `entry` is the outbox entry of one that is not stored yet.
 */
export function arrange(messages, unsent, { me, newFrom = null }) {
  const items = [];
  let previous = null;
  const put = (item) => {
    const isNewDay = !previous || !sameDay(previous.date, item.date);
    if (isNewDay) items.push({ kind: "day", key: `day ${item.date.toDateString()}`, date: item.date });
    const isNew = newFrom !== null && item.message.seq >= newFrom && !(previous?.message.seq >= newFrom);
    if (isNew && !item.entry) items.push({ kind: "new", key: "new" });
    const follows =
      !isNewDay &&
      !(isNew && !item.entry) &&
      previous.message.userId === item.message.userId &&
      previous.message.type === "text" &&
      item.date - previous.groupDate < GROUP_MS;
    previous = { ...item, groupDate: follows ? previous.groupDate : item.date };
    items.push({ kind: "message", follows, ...item });
  };
  for (const message of messages) {
    put({ key: `seq ${message.seq}`, message, date: new Date(message.createdAt), entry: null });
  }
  for (const entry of unsent) {
    const { clientId, content, mentions, createdAt, roomId } = entry;
    const message = {
      roomId,
      clientId,
      content,
      mentions,
      userId: me.id,
      username: me.username,
      type: "text",
      reactions: {},
      attachments: [],
    };
    put({ key: `client ${clientId}`, message, date: new Date(createdAt), entry });
  }
  return items;
}
