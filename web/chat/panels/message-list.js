/** A list of messages out of their timeline, as a search finds them: each leads to its place. */

import { attachments } from "../message/attachments.js";
import { Authors } from "../timeline/authors.js";
import { fullLabel, relativeLabel } from "../../ui/dates.js";
import { avatar } from "../../ui/avatar.js";
import { h } from "../../ui/view.js";
import { isFilesAlone } from "../message/file-names.js";
import { WindowList } from "../../ui/window-list.js";

const CONTEXT = 60; // characters that are shown before the first that was found

export class MessageList {
  #page;
  #list;
  #authors;
  #known = new Map(); // message id → item

  /** `root` scrolls. `onEnd()`: the end is near. */
  constructor({ root, page, onEnd = () => {} }) {
    this.#page = page;
    this.#authors = new Authors({ page });
    this.#list = new WindowList({
      root,
      render: (item) => this.#row(item),
      onEnds: (end) => end === "end" && onEnd(),
    });
  }

  close() {
    this.#list.close();
  }

  /** `messages` may have `highlight`: `[[start, end], …]` in UTF-16 units. `footer`: a vnode. */
  show(messages, { footer = null } = {}) {
    this.#authors.refresh();
    const items = messages.map((message) => {
      const author = this.#authors.of(message);
      const before = this.#known.get(message.id);
      return before?.message === message && before.author === author ? before : { key: message.id, message, author };
    });
    this.#known = new Map(items.map((item) => [item.key, item]));
    this.#list.set(items, { footer });
  }

  #row({ message, author }) {
    const page = this.#page;
    const room = page.chat.rooms?.get(message.roomId)?.room;
    const date = new Date(message.createdAt);
    const go = () => page.showMessage(message);
    const attributes = { type: "button", class: "found-message", "data-id": message.id, on: { click: go } };
    return h(
      "article",
      {},
      h(
        "button",
        attributes,
        avatar({ ...author, size: "small" }),
        h(
          "span",
          { class: "two-lines" },
          h(
            "span",
            { class: "found-head" },
            h("b", {}, h("bdi", {}, author.name)),
            room && h("span", {}, " · ", h("bdi", {}, page.chat.nameOf(room))),
            h("time", { datetime: message.createdAt, title: fullLabel(date) }, relativeLabel(date, new Date())),
          ),
          !isFilesAlone(message) && h("span", { class: "found-text", dir: "auto" }, marked(message)),
        ),
      ),
      !message.deletedAt &&
        attachments(message.attachments, {
          chat: page.chat,
          showImage: (file) => page.dialog("image", { file }),
          tabindex: "0",
        }),
    );
  }
}

/** The text with what was found in marks, beginning a little before the first of it. */
function marked({ content, highlight = [], deletedAt }) {
  if (deletedAt) return "This message was deleted.";
  const start = Math.max(0, (highlight[0]?.[0] ?? 0) - CONTEXT);
  /** @type {any[]} */
  const parts = [start > 0 && "…"];
  let end = start;
  for (const [from, to] of highlight) {
    if (from < end) continue;
    parts.push(content.slice(end, from), h("mark", {}, content.slice(from, to)));
    end = to;
  }
  parts.push(content.slice(end));
  return parts;
}
