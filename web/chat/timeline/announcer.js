/** Tells screen readers what comes into a room, a few at a time: the timeline itself is no live region. */

import { h, patch } from "../../ui/view.js";
import { parse, plainText } from "../../ui/markdown.js";

const EVERY_MS = 1500;
const READ_OUT_MAX = 2;
const TEXT_MAX = 200;

export class Announcer {
  #root;
  #waiting = [];
  #timer = null;

  constructor({ root }) {
    this.#root = root;
    patch(root, h("p", { class: "sr-only", role: "log", "aria-live": "polite", "aria-label": "New messages" }));
  }

  close() {
    clearTimeout(this.#timer);
  }

  /** A message has come, by somebody of this name. */
  add(name, message) {
    this.#waiting.push([name, message]);
    this.#timer ??= setTimeout(() => this.#tell(), EVERY_MS);
  }

  #tell() {
    this.#timer = null;
    const told = this.#waiting.slice(-READ_OUT_MAX).map(([name, message]) => `${name}: ${textOf(message)}`);
    const left = this.#waiting.length - told.length;
    this.#waiting = [];
    const text = [left > 0 && `${left} more messages.`, ...told].filter(Boolean).join(" ");
    patch(
      this.#root,
      h("p", { class: "sr-only", role: "log", "aria-live": "polite", "aria-label": "New messages" }, text),
    );
  }
}

function textOf({ content, attachments }) {
  const text = plainText(parse(content ?? "").blocks).slice(0, TEXT_MAX);
  return text || (attachments?.length ? "an attachment" : "");
}
