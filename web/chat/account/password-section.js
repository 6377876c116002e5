/** Changes the password, which ends all other sessions. */

import { h, patch } from "../../ui/view.js";
import { field, focusWrong } from "./field.js";
import { refusalText } from "../refusal.js";

export class PasswordSection {
  #root;
  #page;
  #errors = {}; // field → text; `form`: of the form as a whole
  #isBusy = false;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#draw();
  }

  close() {}

  #draw() {
    const { old, new: next, form = "" } = this.#errors;
    const [until, after] = [
      { id: "password-old", name: "old", label: "Current password", error: old },
      { id: "password-new", name: "new", label: "New password", hint: "At least 8 characters.", error: next },
    ];
    patch(
      this.#root,
      h(
        "form",
        { class: "form", novalidate: true, on: { submit: (event) => this.#submit(event) } },
        h("div", { class: "field" }, field(until, { type: "password", autocomplete: "current-password" })),
        h("div", { class: "field" }, field(after, { type: "password", autocomplete: "new-password" })),
        h("p", { class: "hint" }, "All your other sessions end."),
        h("p", { class: "form-error", role: "alert" }, form),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { type: "submit", class: "primary", disabled: this.#isBusy }, "Change the password"),
        ),
      ),
    );
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#isBusy) return;
    const form = event.target;
    const { old, new: next } = form.elements;
    this.#errors = wrong(old.value, next.value);
    if (Object.keys(this.#errors).length === 0) {
      this.#isBusy = true;
      this.#draw();
      try {
        await this.#page.chat.api.people.changePassword(old.value, next.value);
        form.reset();
        this.#page.toast("The password is changed.");
      } catch (error) {
        if (!this.#root.isConnected) return this.#page.failed(error); // the dialog was closed meanwhile
        this.#errors = refused(error);
      }
      this.#isBusy = false;
    }
    this.#draw();
    focusWrong(this.#root, this.#errors);
  }
}

function wrong(old, next) {
  if (!old) return { old: "Give the password that you have now." };
  return next.length < 8 ? { new: "Use at least 8 characters." } : {};
}

function refused({ code, message, details }) {
  if (code === "forbidden") return { old: message };
  const { oldPassword, newPassword } = details ?? {};
  if (oldPassword) return { old: refusalText("The password", oldPassword) };
  return newPassword ? { new: refusalText("The new password", newPassword) } : { form: message };
}
