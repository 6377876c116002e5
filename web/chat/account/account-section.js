/** The user's data: to take along, and to delete. */

import { h, patch } from "../../ui/view.js";

export class AccountSection {
  #root;
  #page;
  #closeDialog;
  #isBusy = false;

  constructor({ root, page, closeDialog }) {
    this.#root = root;
    this.#page = page;
    this.#closeDialog = closeDialog;
    this.#draw();
  }

  close() {}

  #draw(error = "") {
    const password = { name: "password", type: "password", autocomplete: "current-password", required: true };
    patch(this.#root, [
      h("h3", {}, "Take it along"),
      h("p", {}, "A file with your profile, your settings and what you wrote."),
      h("button", { type: "button", disabled: this.#isBusy, on: { click: () => this.#export() } }, "Download my data"),
      h("h3", {}, "Delete the account"),
      h(
        "p",
        {},
        "Your name and profile go for good, and nobody gets the name again. Your messages stay, by “Deleted user”.",
      ),
      h(
        "form",
        { class: "form", on: { submit: (event) => this.#delete(event) } },
        h("label", {}, "Your password", h("input", password)),
        h("p", { class: "form-error", role: "alert" }, error),
        h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "danger" }, "Delete my account")),
      ),
    ]);
  }

  async #export() {
    this.#isBusy = true;
    this.#draw();
    try {
      const url = URL.createObjectURL(await this.#page.chat.api.people.exportData());
      const link = document.createElement("a");
      link.href = url;
      link.download = "chat-rooms-export.zip";
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000); // browsers read it after the click
    } catch (error) {
      this.#page.failed(error);
    }
    this.#isBusy = false;
    this.#draw();
  }

  async #delete(event) {
    event.preventDefault();
    const { password } = event.target.elements;
    const question = {
      title: "Delete your account?",
      text: "This cannot be undone.",
      action: "Delete",
      isDanger: true,
    };
    if (!(await this.#page.confirm(question))) return;
    try {
      await this.#page.chat.api.people.deleteAccount(password.value);
      this.#closeDialog();
      this.#page.store.set({ isLeaving: true });
      await this.#page.chat.logout();
    } catch (error) {
      this.#draw(error.message);
    }
  }
}
