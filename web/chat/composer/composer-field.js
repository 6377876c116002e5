/** The text area of a message field: its keys, marks, suggestions, height, and files that are pasted into it. */

import { Assistance } from "./assistance.js";
import { fitHeight, toggleMark } from "./text-field.js";
import { isComposing, letterOf } from "../../ui/keys.js";

const MARKS = { b: "**", i: "*", e: "`" };

export class ComposerField {
  #node;
  #draft;
  #on;
  #assistance;
  #closing = new AbortController();

  /**
   * `node`: the text area. `listRoot()`: the element in which suggestions are drawn. `on`: what is done: `text(value)`
   * when it was typed, `blur()`, `submit(event)`, `files(files)`, `editLast()`; `attach()` and `escape()` return whether
   * there was anything to do.
   */
  constructor({ node, page, roomId, draft, listRoot, on }) {
    this.#node = node;
    this.#draft = draft;
    this.#on = on;
    this.#assistance = new Assistance({ page, roomId, field: node, listRoot });
    node.value = draft.text;
    const { signal } = this.#closing;
    node.addEventListener("input", (event) => this.#onInput(event), { signal });
    node.addEventListener("keydown", (event) => this.#onKeyDown(event), { signal });
    node.addEventListener("paste", (event) => this.#onPaste(event), { signal });
    node.addEventListener("blur", () => on.blur(), { signal });
    queueMicrotask(() => fitHeight(node));
  }

  close() {
    this.#closing.abort();
    this.#assistance.close();
  }

  get value() {
    return this.#node.value;
  }

  focus() {
    this.#node.focus();
  }

  /** The draft's text was changed by others than the field. */
  takeText() {
    if (this.#node.value === this.#draft.text) return;
    this.#node.value = this.#draft.text;
    fitHeight(this.#node);
    this.#assistance.update();
  }

  /** Show suggestions for what ends at this place. */
  completeAt(place) {
    this.focus();
    this.#node.setSelectionRange(place, place);
    void this.#assistance.complete();
  }

  pickEmoji(anchor) {
    void this.#assistance.pickEmoji(anchor);
  }

  #onInput(event) {
    this.#on.text(this.#node.value);
    fitHeight(this.#node);
    this.#assistance.onInput(event);
  }

  #onKeyDown(event) {
    if (isComposing(event)) return;
    if (this.#assistance.onKeyDown(event)) return event.preventDefault();
    const { key } = event;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    const letter = (event.ctrlKey || event.metaKey) && !event.altKey && letterOf(event);
    if (MARKS[letter]) {
      event.preventDefault();
      toggleMark(this.#node, MARKS[letter]);
    } else if (letter === "u" && this.#on.attach()) event.preventDefault();
    else if (key === "Enter" && !event.shiftKey && !event.altKey) this.#on.submit(event);
    else if (key === "Escape" && this.#on.escape()) event.preventDefault();
    else if (key === "ArrowUp" && isPlain && this.#draft.isEmpty && this.#node.value === "") {
      event.preventDefault();
      this.#on.editLast();
    }
  }

  #onPaste(event) {
    const { files, types } = event.clipboardData;
    // A table or a text comes from other programs with a picture of itself.
    if (files.length === 0 || types.includes("text/plain")) return;
    event.preventDefault();
    this.#on.files([...files]);
  }
}
