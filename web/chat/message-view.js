/** Creates the elements of one message. Message text becomes text nodes, never HTML. */

import { avatar, el } from "../ui/dom.js";
import { fullLabel, pieces, timeLabel } from "../ui/text.js";

/** Everything that the elements of a message depend on: they are created again only when this changes. */
export function renderKey({ message, follows, entry }) {
  return entry ? `${entry.state} ${follows} ${entry.error?.code} ${entry.error?.until}` : `${message.rev} ${follows}`;
}

/** `actions`: person(userId), retry(clientId), edit(clientId), discard(clientId); `now` in epoch ms. */
export function drawMessage({ message, date, follows, entry }, { me, actions, now }) {
  const mentionsMe = !entry && message.mentions?.some((who) => who === me.id || who === "room");
  const classes = [
    "message",
    follows && "follows",
    entry && "unsent",
    entry?.state === "failed" && "failed",
    mentionsMe && "mentions-me",
  ];
  const time = el("time", { datetime: date.toISOString(), title: fullLabel(date) }, timeLabel(date));
  const head = follows
    ? null
    : el(
        "div",
        { class: "message-head" },
        el(
          "button",
          {
            type: "button",
            class: "author",
            "data-user-id": message.userId,
            onclick: () => actions.person(message.userId),
          },
          message.username,
        ),
        time,
      );
  return el(
    "article",
    {
      class: classes.filter(Boolean).join(" "),
      "data-seq": message.seq,
      "data-id": message.id,
      "data-client-id": message.clientId,
      "data-state": entry ? entry.state : "stored",
    },
    follows ? null : avatar({ id: message.userId, name: message.username }),
    head,
    el(
      "div",
      { class: "message-body" },
      follows && el("span", { class: "sr-only" }, `${message.username}: `),
      follows && time,
      content(message, me, entry),
      attachments(message),
      reactions(message),
      entry && unsentState(entry, actions, now),
    ),
  );
}

function content(message, me, entry) {
  if (message.deletedAt) return el("div", { class: "content deleted" }, "This message was deleted.");
  const mentioned = new Set(message.mentions ?? []);
  const parts = pieces(message.content ?? "", () => mentioned.size > 0).map(({ kind, text }) => {
    if (kind === "link") return el("a", { href: text, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
    if (kind === "mention") {
      const isMe = text.slice(1).toLowerCase() === me.username.toLowerCase();
      return isMe ? el("span", { class: "mention-name" }, text) : el("b", {}, text);
    }
    return text;
  });
  const edited =
    message.editedAt && el("span", { class: "note", title: fullLabel(new Date(message.editedAt)) }, " (edited)");
  const isSending = entry?.state === "sending" || entry?.state === "sent";
  return el(
    "div",
    { class: "content" },
    ...parts,
    edited,
    isSending && el("span", { class: "note sending" }, " Sending…"),
  );
}

function attachments(message) {
  if (!message.attachments?.length) return null;
  return el("p", { class: "note" }, `Attached: ${message.attachments.map((file) => file.name).join(", ")}`);
}

function reactions(message) {
  const all = Object.entries(message.reactions ?? {});
  if (all.length === 0) return null;
  return el(
    "ul",
    { class: "reactions", "aria-label": "Reactions" },
    ...all.map(([emoji, { count }]) => el("li", {}, `${emoji} ${count}`)),
  );
}

function unsentState({ clientId, state, error }, actions, now) {
  if (state === "failed") {
    return el(
      "div",
      { class: "unsent-state" },
      `Not sent: ${error?.text ?? "it was refused."}`,
      el(
        "button",
        { type: "button", class: "link", "data-action": "retry", onclick: () => actions.retry(clientId) },
        "Retry",
      ),
      el(
        "button",
        { type: "button", class: "link", "data-action": "edit", onclick: () => actions.edit(clientId) },
        "Edit",
      ),
      el(
        "button",
        { type: "button", class: "link", "data-action": "discard", onclick: () => actions.discard(clientId) },
        "Discard",
      ),
    );
  }
  if (state !== "waiting") return null;
  if (error?.code === "rate_limited") {
    const seconds = Math.max(1, Math.ceil((error.until - now) / 1000));
    return el("div", { class: "unsent-state" }, `You are writing fast. This is sent by itself in about ${seconds} s.`);
  }
  const why = error?.code === "unavailable" ? "The server is busy. This is sent by itself." : "Waiting to be sent";
  return el("div", { class: "unsent-state" }, why);
}
