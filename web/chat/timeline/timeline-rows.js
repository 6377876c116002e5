/** The rows of a timeline by the kind of their items. */

import { avatar } from "../../ui/avatar.js";
import { dayLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { messageRow } from "../message/message-row.js";
import { plural } from "../../ui/text.js";

/** The vnode of an item of timeline-items.js; `context`: see message-row.js, and `showHidden(messages)`. */
export function rowOf(item, context) {
  return ROWS[item.kind](item, context);
}

/** The seqs of the messages that an item stands for. */
export function seqsOf({ message, messages = message ? [message] : [] }) {
  return messages.map(({ seq }) => seq).filter((seq) => seq !== null);
}

const ROWS = {
  message: messageRow,
  day: ({ date }) => separator("day", dayLabel(date, new Date())),
  new: () => separator("new-line", "New"),
  hidden: hiddenRow,
  replies: repliesRow,
};

function separator(className, label) {
  return h("div", { class: className, role: "separator", "aria-label": label }, h("span", {}, label));
}

/** What blocked people wrote one after the other. */
function hiddenRow({ messages }, { showHidden }) {
  const people = new Set(messages.map(({ userId }) => userId)).size;
  const text = `${plural(messages.length, "message")} of ${people === 1 ? "a blocked person" : "blocked people"}`;
  const show = { type: "button", class: "link", tabindex: "-1", on: { click: () => showHidden(messages) } };
  return h("div", { class: "hidden-messages" }, `${text} · `, h("button", show, "Show"));
}

/**
 * Replies of a thread, one after the other, in one line that opens the thread. Right under the root, which has such a
 * line, the row has no height: it is on the screen, and its messages are read, where the end of the root is.
 */
function repliesRow({ messages, authors, rootKey }, { actions }) {
  const last = messages.at(-1);
  if (rootKey !== null) return h("div", { "data-seq": last.seq });
  const face = (author) => avatar({ ...author, size: "small" });
  return h(
    "button",
    {
      type: "button",
      class: "replies-line",
      "data-seq": last.seq,
      tabindex: "-1",
      on: { click: () => actions.thread(last) },
    },
    h("span", { class: "faces" }, authors.map(face)),
    h("b", {}, plural(messages.length, "reply", "replies"), " in a thread"),
    h("span", { class: "label", dir: "auto" }, last.content ?? ""),
  );
}
