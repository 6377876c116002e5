/** What those without access to the metrics see: who has access, and a form to log in. */

import { h, patch } from "../ui/view.js";

const WHO =
  "The numbers are for addresses in METRICS_ALLOW (by a host in METRICS_HOSTS), and for the accounts in ADMIN_USERS.";

export class AccessView {
  #root;
  #metricsApi;
  #onAccess;
  #error = "";
  #isBusy = false;

  /** `onAccess()`: somebody has logged in. */
  constructor({ root, metricsApi, onAccess }) {
    this.#root = root;
    this.#metricsApi = metricsApi;
    this.#onAccess = onAccess;
    this.#draw();
    root.querySelector("input").focus();
  }

  /** Say again who is logged in. */
  update() {
    this.#draw();
  }

  #draw() {
    const { user } = this.#metricsApi;
    const field = (name, label, type, attributes) => [
      h("label", { for: `login-${name}` }, label),
      h("input", { id: `login-${name}`, name, type, required: true, ...attributes }),
    ];
    patch(
      this.#root,
      h(
        "div",
        { class: "auth-card" },
        h("h2", null, "Who may see this"),
        h(
          "p",
          { class: "access-text" },
          user ? [WHO, " You are logged in as ", h("bdi", null, user.username), ", who is not one of them."] : WHO,
        ),
        h(
          "form",
          {
            class: "access-form",
            novalidate: true,
            "aria-label": "Log in",
            on: { submit: (event) => this.#login(event) },
          },
          field("name", "Username or email", "text", {
            autocomplete: "username",
            autocapitalize: "none",
            spellcheck: "false",
          }),
          field("password", "Password", "password", { autocomplete: "current-password" }),
          h("p", { class: "form-error", role: "alert" }, this.#error),
          h("button", { class: "primary", type: "submit", disabled: this.#isBusy }, "Log in"),
        ),
        h("p", { class: "access-back" }, h("a", { href: "./" }, "To the chat")),
      ),
    );
  }

  async #login(event) {
    event.preventDefault();
    if (this.#isBusy) return;
    const form = event.currentTarget;
    const { name, password } = form.elements;
    const account = name.value.trim();
    this.#error = account && password.value ? "" : "Give your name and your password.";
    this.#draw();
    if (this.#error) return (account ? password : name).focus();
    this.#isBusy = true;
    try {
      await this.#metricsApi.login({ account, password: password.value });
      form.reset();
      this.#onAccess();
    } catch (error) {
      this.#error = error.message + (error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : "");
    } finally {
      this.#isBusy = false;
      this.#draw();
    }
  }
}
