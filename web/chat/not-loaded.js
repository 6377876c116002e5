/** Says that a part of the page did not load, and offers to try again. */

import { h, patch } from "../ui/view.js";

export class NotLoaded {
  #root;

  constructor({ root, error, retry }) {
    this.#root = root;
    const button = { type: "button", class: "primary", on: { click: () => retry() } };
    const text = `The page did not load whole. ${error.message}`;
    patch(root, h("main", { class: "welcome", role: "alert" }, h("p", {}, text), h("button", button, "Retry")));
  }

  close() {
    patch(this.#root, []);
  }
}
