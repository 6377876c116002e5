/** The text of a message as virtual nodes: Markdown, links, mentions, code. Text nodes only, never HTML. */

import { h } from "../../ui/view.js";
import { iconButton } from "../../ui/icons.js";
import { parse } from "../../ui/markdown.js";

const parsed = new WeakMap(); // message → {mentioned, tree}

/**
 * `mentioned`: `[name, id, …]` of those whose names in the text are mentions. `me`: the user. `actions`: `person(id)`
 * and `copy(text)`.
 */
export function messageContent(message, { mentioned, me, actions }) {
  const { blocks, isEmojiOnly } = treeOf(message, mentioned);
  const drawing = new Drawing({ me, actions });
  return h(
    "div",
    { class: isEmojiOnly ? "content content-emoji" : "content", dir: "auto" },
    blocks.map((block) => drawing.block(block)),
  );
}

function treeOf(message, mentioned) {
  const known = parsed.get(message);
  if (known?.mentioned === mentioned) return known.tree;
  const ids = new Map();
  for (let n = 0; n < mentioned.length; n += 2) ids.set(mentioned[n].toLowerCase(), mentioned[n + 1]);
  const tree = parse(message.content ?? "", { mentionOf: (name) => ids.get(name.toLowerCase()) ?? null });
  parsed.set(message, { mentioned, tree });
  return tree;
}

class Drawing {
  #me;
  #actions;

  constructor({ me, actions }) {
    this.#me = me;
    this.#actions = actions;
  }

  block(block) {
    switch (block.kind) {
      case "quote":
        return h(
          "blockquote",
          {},
          block.children.map((one) => this.block(one)),
        );
      case "codeBlock":
        return this.#code(block);
      case "list":
        return this.#list(block);
      default:
        return h("p", {}, this.#inline(block.children));
    }
  }

  #code({ text, language }) {
    const copy = () => this.#actions.copy(text);
    return h(
      "div",
      { class: "code-block", dir: "ltr" },
      h("pre", { "aria-label": language ? `Code, ${language}` : "Code" }, h("code", {}, text)),
      iconButton("copy", "Copy the code", { class: "small", tabindex: "-1", on: { click: copy } }),
    );
  }

  #list({ isOrdered, items }) {
    const item = ({ value, children, list }) =>
      h("li", { value: isOrdered ? value : null }, this.#inline(children), list && this.#list(list));
    return h(isOrdered ? "ol" : "ul", { class: "content-list" }, items.map(item));
  }

  #inline(nodes) {
    return nodes.map((node) => this.#node(node));
  }

  #node(node) {
    switch (node.kind) {
      case "break":
        return h("br");
      case "strong":
        return h("strong", {}, this.#inline(node.children));
      case "emphasis":
        return h("em", {}, this.#inline(node.children));
      case "strike":
        return h("s", {}, this.#inline(node.children));
      case "code":
        return h("code", { dir: "ltr" }, node.text);
      case "link":
        return h(
          "a",
          { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow", tabindex: "-1" },
          this.#inline(node.children),
        );
      case "mention":
        return this.#mention(node);
      default:
        return node.text;
    }
  }

  #mention({ userId, text }) {
    const isMe = userId === this.#me.id || userId === "room";
    const className = isMe ? "mention mention-me" : "mention";
    if (userId === "room") return h("b", { class: className }, text);
    const open = () => this.#actions.person(userId);
    const attributes = { type: "button", class: className, tabindex: "-1", "data-user-id": userId };
    return h("button", { ...attributes, on: { click: open } }, text);
  }
}
