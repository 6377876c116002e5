/** Notices at the edge of the page, a few at a time, each for some seconds; one may offer an action, such as Undo. */

import { classes, h, patch } from "./view.js";
import { iconButton } from "./icons.js";

const SHOWN_MS = 6000;
const MAX = 3;

export class Toasts {
  #root;
  #shown = []; // {number, text, action, isError, onEnd, ms, timer}
  #number = 0;
  #before = null; // what had the focus before one of them took it

  constructor({ root }) {
    this.#root = root;
    this.#draw();
  }

  /**
   * Show a text for `ms`. `action`: `{label, run}`. `onEnd()`: called once when it goes without the action: its time is
   * over, it was closed, or too many came after it. Returns a function that takes it away without `onEnd`.
   */
  show(text, { action = null, isError = false, ms = SHOWN_MS, onEnd = () => {} } = {}) {
    const toast = { number: ++this.#number, text, action, isError, onEnd, ms };
    this.#shown.push(toast);
    this.#start(toast);
    while (this.#shown.length > MAX) this.#end(this.#shown[0]);
    this.#draw();
    return () => this.#remove(toast);
  }

  /** End all, each with its `onEnd`: the page is left. */
  endAll() {
    for (const toast of [...this.#shown]) this.#end(toast);
  }

  #start(toast) {
    clearTimeout(toast.timer);
    if (this.#shown.includes(toast)) toast.timer = setTimeout(() => this.#end(toast), toast.ms);
  }

  /** The focus goes back to where it came from when what has it goes. */
  #keepFocus({ relatedTarget }) {
    if (!this.#root.contains(relatedTarget)) this.#before = relatedTarget;
  }

  #end(toast) {
    if (this.#remove(toast)) toast.onEnd();
  }

  #remove(toast) {
    clearTimeout(toast.timer);
    if (!this.#shown.includes(toast)) return false;
    this.#shown = this.#shown.filter((one) => one !== toast);
    const hadFocus = this.#root.contains(document.activeElement);
    this.#draw();
    if (hadFocus && !this.#root.contains(document.activeElement)) this.#before?.focus();
    return true;
  }

  #draw() {
    patch(
      this.#root,
      h(
        "div",
        { class: "toasts", role: "status", on: { focusin: (event) => this.#keepFocus(event) } },
        this.#shown.map((toast) => this.#row(toast)),
      ),
    );
  }

  #row(toast) {
    const { number, text, action, isError } = toast;
    const act = () => this.#remove(toast) && action.run();
    // Whoever points at it, or is in it with the keyboard, is about to read or to press: its time begins again after.
    const hold = () => clearTimeout(toast.timer);
    const start = ({ currentTarget }) => currentTarget.matches(":hover, :focus-within") || this.#start(toast);
    const on = { pointerenter: hold, pointerleave: start, focusin: hold, focusout: start };
    return h(
      "div",
      { key: number, class: classes("toast", isError && "toast-error"), on },
      h("p", { dir: "auto" }, text),
      action && h("button", { type: "button", class: "link", on: { click: act } }, action.label),
      iconButton("close", "Dismiss", { class: "small", on: { click: () => this.#end(toast) } }),
    );
  }
}
