/** One room in the sidebar: its name, what is unread, and of a direct one the person and the last line. */

import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { countText, plural } from "../../ui/text.js";
import { peerStatus } from "../room-peer.js";
import { STATUS_NAMES } from "../status-names.js";

/** The ids of the rooms that have the mark of a message that was not sent. */
export function roomsOfFailed(chat) {
  return (chat.outbox?.roomIds ?? []).filter((roomId) => hasFailed(roomId, chat));
}

function hasFailed(roomId, chat) {
  return chat.unsent(roomId).some(({ state }) => state === "failed");
}

export function roomRow(state, page) {
  const { room, unread, mentions } = state;
  const { chat, settings } = page;
  const name = chat.nameOf(room);
  const isDirect = room.kind === "direct";
  const isUnread = settings.isUnread(state);
  const isQuiet = settings.levelOf(room) === "none";
  const isUnsent = hasFailed(room.id, chat);
  const status = isDirect && peerStatus(room, chat);
  const parts = [
    [name, room.isPrivate && !isDirect && "private", isDirect && STATUS_NAMES[status]],
    [
      unread > 0 && `${unread} unread`,
      mentions > 0 && plural(mentions, "mention"),
      isUnsent && "a message was not sent",
    ],
  ];
  const attributes = {
    type: "button",
    class: `room-button ${isDirect ? "direct-button" : ""}`.trim(),
    "data-rove": `room ${room.id}`,
    "data-room-id": room.id,
    "data-unread": isUnread ? String(unread) : null,
    "data-quiet": isQuiet,
    "aria-current": room.id === page.roomId ? "true" : null,
    "aria-label": parts.flat().filter(Boolean).join(", "),
    on: { click: () => page.go({ roomId: room.id }) },
  };
  return h(
    "li",
    { key: room.id },
    h(
      "button",
      attributes,
      isDirect ? picture(room, name, status, page) : icon(room.isPrivate ? "lock" : "hash"),
      h(
        "span",
        { class: "label" },
        h("span", { class: "room-name", dir: "auto" }, name),
        isDirect && lastLine(state, page),
      ),
      isUnsent && h("span", { class: "badge badge-failed", title: "A message was not sent" }, "!"),
      isQuiet && icon("bell-off", { size: "small" }),
      badge(unread, mentions, isQuiet),
    ),
  );
}

function badge(unread, mentions, isQuiet) {
  if (mentions > 0) return h("span", { class: "badge badge-mention" }, `@${mentions}`);
  if (unread > 0) return h("span", { class: isQuiet ? "badge badge-quiet" : "badge" }, countText(unread));
  return null;
}

function picture(room, name, status, page) {
  const url = room.peer ? page.chat.avatarUrl(room.peer) : null;
  return h(
    "span",
    { class: "picture" },
    avatar({ id: room.id, ...room.peer, name, url, size: "small" }),
    h("span", { class: "dot", "data-status": status }),
  );
}

/** "typing…", or the last message in one line. The space is there before it is known. */
function lastLine(state, page) {
  const isTyping = (page.chat.presence?.typists(state.room.id) ?? []).length > 0;
  const message = state.lastMessage ?? null;
  const own = message?.userId === page.chat.user.id ? "You: " : "";
  const text = isTyping ? "typing…" : message ? `${own}${message.content ?? "a deleted message"}` : " ";
  return h("span", { class: isTyping ? "last-line is-typing" : "last-line", dir: "auto" }, text);
}
