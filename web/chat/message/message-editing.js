/** The message of a timeline or a thread that is being edited. What the server refuses comes back to be changed. */

import { messageEditor } from "./message-editor.js";

export class MessageEditing {
  #page;
  #draw;
  #focus;
  #id = null;
  #text = null; // that the server has refused
  #isFromRow = false;
  #endUndo = () => {};

  /** `draw()`: another message, or none, is edited. `focus(message)`: it has ended; null if it began at the field. */
  constructor({ page, draw, focus }) {
    this.#page = page;
    this.#draw = draw;
    this.#focus = focus;
  }

  /** Where it was edited is not shown any more. */
  close() {
    this.#endUndo();
  }

  /** The id of the message, or null. */
  get id() {
    return this.#id;
  }

  begin(message, { text = null } = {}) {
    this.#isFromRow = document.activeElement?.closest?.("article")?.getAttribute("data-id") === message.id;
    this.#id = message.id;
    this.#text = text;
    this.#draw();
  }

  /** The vnode in place of the message's text. */
  editor(message) {
    return messageEditor(message, {
      text: this.#text ?? message.content ?? "",
      save: (text) => void this.#save(message, text),
      cancel: (text) => this.#cancel(message, text),
    });
  }

  #cancel(message, text) {
    this.#end(message);
    if (text === message.content) return;
    this.#endUndo = this.#page.done("The change is discarded.", () => this.begin(message, { text }));
  }

  #end(message) {
    this.#id = null;
    this.#text = null;
    this.#draw();
    this.#focus(this.#isFromRow ? message : null);
  }

  async #save(message, text) {
    this.#end(message);
    try {
      await this.#page.chat.edit(message, text);
    } catch (error) {
      this.#page.failed(error);
      if (this.#id === null) this.begin(message, { text });
    }
  }
}
