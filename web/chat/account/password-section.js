/** Changes the password, which ends all other sessions. */

import { h, patch } from "../../ui/view.js";

export class PasswordSection {
  #root;
  #page;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#draw();
  }

  close() {}

  #draw(error = "") {
    const field = (name, autocomplete) => ({ name, type: "password", autocomplete, required: true });
    patch(
      this.#root,
      h(
        "form",
        { class: "form", novalidate: true, on: { submit: (event) => this.#submit(event) } },
        h("label", {}, "The password until now", h("input", field("old", "current-password"))),
        h("label", {}, "The new one", h("input", field("new", "new-password"))),
        h("p", { class: "hint" }, "At least 8 characters. All your other sessions end."),
        h("p", { class: "form-error", role: "alert" }, error),
        h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "primary" }, "Change the password")),
      ),
    );
  }

  async #submit(event) {
    event.preventDefault();
    const { old, new: next } = event.target.elements;
    if (next.value.length < 8) return this.#draw("The new password needs at least 8 characters.");
    try {
      await this.#page.chat.api.people.changePassword(old.value, next.value);
      event.target.reset();
      this.#draw();
      this.#page.toast("The password is changed.");
    } catch (error) {
      this.#draw(error.details?.newPassword ?? error.message);
    }
  }
}
