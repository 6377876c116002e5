/** Notices at the edge of the page, a few at a time, each for some seconds; one may offer an action, such as Undo. */

import { classes, h, patch } from "./view.js";
import { iconButton } from "./icons.js";

const SHOWN_MS = 6000;
const MAX = 3;

export class Toasts {
  #root;
  #shown = []; // {number, text, action, isError, onEnd, timer}
  #number = 0;

  constructor({ root }) {
    this.#root = root;
    this.#draw();
  }

  /**
   * Show a text for `ms`. `action`: `{label, run}`. `onEnd()`: called once when it goes without the action: its time is
   * over, it was closed, or too many came after it. Returns a function that takes it away without `onEnd`.
   */
  show(text, { action = null, isError = false, ms = SHOWN_MS, onEnd = () => {} } = {}) {
    const toast = { number: ++this.#number, text, action, isError, onEnd };
    toast.timer = setTimeout(() => this.#end(toast), ms);
    this.#shown.push(toast);
    while (this.#shown.length > MAX) this.#end(this.#shown[0]);
    this.#draw();
    return () => this.#remove(toast);
  }

  /** End all, each with its `onEnd`: the page is left. */
  endAll() {
    for (const toast of [...this.#shown]) this.#end(toast);
  }

  #end(toast) {
    if (this.#remove(toast)) toast.onEnd();
  }

  #remove(toast) {
    clearTimeout(toast.timer);
    if (!this.#shown.includes(toast)) return false;
    this.#shown = this.#shown.filter((one) => one !== toast);
    this.#draw();
    return true;
  }

  #draw() {
    patch(
      this.#root,
      h(
        "div",
        { class: "toasts", role: "status" },
        this.#shown.map((toast) => this.#row(toast)),
      ),
    );
  }

  #row(toast) {
    const { number, text, action, isError } = toast;
    const act = () => this.#remove(toast) && action.run();
    return h(
      "div",
      { key: number, class: classes("toast", isError && "toast-error") },
      h("p", { dir: "auto" }, text),
      action && h("button", { type: "button", class: "link", on: { click: act } }, action.label),
      iconButton("close", "Dismiss", { class: "small", on: { click: () => this.#end(toast) } }),
    );
  }
}
