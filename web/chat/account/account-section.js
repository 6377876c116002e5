/** The user's data: to take along, and to delete. */

import { h, patch } from "../../ui/view.js";
import { field, focusWrong } from "./field.js";

export class AccountSection {
  #root;
  #page;
  #closeDialog;
  #exporting = null; // the AbortController of the download that is under way
  #errors = {}; // field → text; `form`: of the form as a whole
  #isDeleting = false;

  constructor({ root, page, closeDialog }) {
    this.#root = root;
    this.#page = page;
    this.#closeDialog = closeDialog;
    this.#draw();
  }

  close() {
    this.#exporting?.abort();
  }

  #draw() {
    const password = { id: "delete-password", name: "password", label: "Your password", error: this.#errors.password };
    const isWaiting = this.#exporting !== null;
    const action = isWaiting
      ? { key: "cancel", type: "button", on: { click: () => this.#exporting?.abort() } }
      : { key: "export", type: "button", on: { click: () => this.#export() } };
    const gone =
      "Your name and profile go for good, and nobody gets the name again. Your messages stay, by “Deleted user”.";
    const what = "A file with your profile, your settings and what you wrote.";
    patch(this.#root, [
      h("h3", {}, "Take it along"),
      h("p", { role: "status" }, isWaiting ? "The file is being made, which may take minutes…" : what),
      h("button", { ...action, "data-export": true }, isWaiting ? "Cancel" : "Download my data"),
      h("h3", {}, "Delete the account"),
      h("p", {}, gone),
      h(
        "form",
        { class: "form", novalidate: true, on: { submit: (event) => this.#delete(event) } },
        h("div", { class: "field" }, field(password, { type: "password", autocomplete: "current-password" })),
        h("p", { class: "form-error", role: "alert" }, this.#errors.form ?? ""),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { type: "submit", class: "danger", disabled: this.#isDeleting }, "Delete my account"),
        ),
      ),
    ]);
  }

  async #export() {
    const { signal } = (this.#exporting = new AbortController());
    this.#showExport();
    try {
      save(await this.#page.chat.api.people.exportData({ signal }));
    } catch (error) {
      if (!signal.aborted) this.#page.failed(error);
    }
    this.#exporting = null;
    this.#showExport();
  }

  /** The button that was clicked gives its place, and the focus, to the other one. */
  #showExport() {
    const hadFocus = document.activeElement?.matches("[data-export]");
    this.#draw();
    if (hadFocus) /** @type {HTMLElement | null} */ (this.#root.querySelector("[data-export]"))?.focus();
  }

  async #delete(event) {
    event.preventDefault();
    if (this.#isDeleting) return;
    const password = event.target.elements.password.value;
    if (!password) return this.#fail({ password: "Give your password." });
    const question = {
      title: "Delete your account?",
      text: "This cannot be undone.",
      action: "Delete",
      isDanger: true,
    };
    if (!(await this.#page.confirm(question))) return;
    const { chat, store } = this.#page;
    this.#isDeleting = true;
    this.#errors = {};
    this.#draw();
    store.set({ isLeaving: true }); // the server closes the connection, which may be seen before its reply
    try {
      await chat.deleteAccount(password);
    } catch (error) {
      store.set({ isLeaving: false });
      if (!this.#root.isConnected) return this.#page.failed(error); // the dialog was closed meanwhile
      return this.#fail(error.code === "forbidden" ? { password: error.message } : { form: error.message });
    }
    this.#closeDialog();
  }

  #fail(errors) {
    this.#isDeleting = false;
    this.#errors = errors;
    this.#draw();
    focusWrong(this.#root, errors);
  }
}

function save(blob) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = "chat-rooms-export.zip";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // browsers read it after the click
}
