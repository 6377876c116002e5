/** One message as a row of a timeline, a thread or a list of results. */

import { attachments } from "./attachments.js";
import { avatar } from "../../ui/avatar.js";
import { classes, h } from "../../ui/view.js";
import { fullLabel, relativeLabel, sameDay, timeLabel } from "../../ui/dates.js";
import { icon } from "../../ui/icons.js";
import { isFilesAlone } from "./file-names.js";
import { messageContent } from "./message-content.js";
import { messageTools } from "./message-tools.js";
import { plural } from "../../ui/text.js";
import { reactions } from "./reactions.js";
import { unsentState } from "./unsent-state.js";

const QUOTED_MAX = 140;

/**
 * `item`: see timeline-items.js. `context`: `{page, me, actions, editor, isReadOnly}`: `editor(message)` is the vnode in
 * place of the text, and with `isReadOnly` there is no toolbar.
 */
export function messageRow(item, context) {
  const { message, date, follows, entry, author } = item;
  const { me, actions } = context;
  const mentionsMe = !entry && message.mentions?.some((who) => who === me.id || who === "room");
  const isSent = entry === null;
  const hasTools = isSent && !context.isReadOnly && !item.isEditing && !message.deletedAt;
  const tools = hasTools && messageTools(message, context);
  const time = h("time", { datetime: date.toISOString(), title: fullLabel(date) }, timeLabel(date));
  return h(
    "article",
    {
      class: classes(
        "message",
        follows && "follows",
        !isSent && "unsent",
        mentionsMe && message.userId !== me.id && "mentions-me",
      ),
      tabindex: "-1",
      "data-seq": message.seq,
      "data-id": message.id,
      "data-client-id": message.clientId,
      "data-state": isSent ? "stored" : entry.state,
      "aria-label": `${author.name}, ${timeLabel(date)}`,
      on: tools ? tools.on : null,
    },
    follows ? h("span", { class: "message-time" }, time) : picture(author, actions),
    h(
      "div",
      { class: "message-main" },
      !follows && head(author, time, actions),
      item.quoted && quote(item.quoted, actions),
      body(item, context),
      !message.deletedAt && attachments(message.attachments, { chat: context.page.chat, showImage: actions.showImage }),
      !message.deletedAt && reactions(message, { me, actions, reactors: item.reactors }),
      item.replies && threadLine(message, item.replies, actions),
      entry && unsentState(entry, { actions, waitS: item.waitS }),
    ),
    tools && tools.node,
  );
}

function picture(author, actions) {
  const open = { click: () => actions.person(author.id) };
  const label = `Profile of ${author.name}`;
  return h(
    "button",
    { type: "button", class: "message-picture", tabindex: "-1", "aria-label": label, on: open },
    avatar(author),
  );
}

function head(author, time, actions) {
  const open = { click: () => actions.person(author.id) };
  return h(
    "div",
    { class: "message-head" },
    h(
      "button",
      { type: "button", class: "author", tabindex: "-1", "data-user-id": author.id, on: open },
      h("bdi", {}, author.name),
    ),
    author.handle && h("span", { class: "handle" }, author.handle),
    time,
  );
}

function body(item, { me, actions, editor }) {
  const { message, entry, mentioned, isEditing } = item;
  if (message.deletedAt) return h("p", { class: "content deleted" }, "This message was deleted.");
  if (isEditing) return editor(message);
  const isSending = entry?.state === "sending" || entry?.state === "sent";
  const edited = message.editedAt && editedMark(message, me, actions);
  const hasText = message.content && !isFilesAlone(message);
  if (!hasText && !edited && !isSending) return null;
  return h(
    "div",
    { class: "message-text" },
    hasText && messageContent(message, { mentioned, me, actions }),
    edited,
    isSending && h("span", { class: "note sending" }, "Sending…"),
  );
}

function editedMark(message, me, actions) {
  const title = fullLabel(new Date(message.editedAt));
  const show = { click: ({ currentTarget }) => actions.showHistory(message, currentTarget) };
  const maySee = message.userId === me.id || actions.isModerator(message.roomId);
  if (!maySee) return h("span", { class: "note", title }, "(edited)");
  return h("button", { type: "button", class: "note edited", title, tabindex: "-1", on: show }, "(edited)");
}

/** `quoted`: `{message, author}`, or `{message: null}` until it is loaded. */
function quote({ message, author }, actions) {
  if (!message) return h("p", { class: "quote" }, icon("reply", { size: "small" }), "…");
  const text = message.deletedAt ? "a deleted message" : message.content || "an attachment";
  return h(
    "button",
    { type: "button", class: "quote", tabindex: "-1", on: { click: () => actions.jumpTo(message) } },
    icon("reply", { size: "small" }),
    h("b", {}, h("bdi", {}, author.name)),
    h("span", { dir: "auto" }, text.slice(0, QUOTED_MAX)),
  );
}

function threadLine(message, { count, lastAt, isUnread }, actions) {
  return h(
    "button",
    {
      type: "button",
      class: classes("thread-line", isUnread && "is-unread"),
      tabindex: "-1",
      on: { click: () => actions.thread(message) },
    },
    icon("thread", { size: "small" }),
    plural(count, "reply", "replies"),
    lastAt && h("span", { class: "thread-last" }, ` · last ${lastLabel(new Date(lastAt))}`),
    isUnread && h("span", { class: "sr-only" }, ", new"),
  );
}

function lastLabel(date) {
  const now = new Date();
  return sameDay(date, now) ? timeLabel(date) : relativeLabel(date, now);
}
