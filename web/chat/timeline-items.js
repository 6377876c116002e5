/** Arranges messages: days, groups by author, the line above new messages, and the unsent messages. Pure. */

import { sameDay } from "../ui/text.js";

const GROUP_MS = 5 * 60_000;

/**
 * The items in order, each with a stable `key`: `{kind: "day", date}`, `{kind: "new"}`, and `{kind: "message", message,
 * date, follows, entry}`. `follows`: same group as the message before; `entry`: the outbox entry of an unsent message.
 */
export function timelineItems(messages, unsent, { me, newFrom = null }) {
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
      attachments: entry.attachments ?? [],
    };
    put({ key: `client ${clientId}`, message, date: new Date(createdAt), entry });
  }
  return items;
}
