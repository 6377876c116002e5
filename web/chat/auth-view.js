/** The forms to log in and to register. An error is shown beside its field. */

import { byId, setText } from "../ui/dom.js";

const FIELDS = ["username", "email", "password"];
const TAKEN = { username_taken: "username", email_taken: "email" };

export class AuthView {
  constructor({ chat, onEntered }) {
    this.chat = chat;
    this.onEntered = onEntered;
    byId("show-register").addEventListener("click", () => this.#choose("register"));
    byId("show-login").addEventListener("click", () => this.#choose("login"));
    this.#onSubmit("login", (form) => this.#login(form));
    this.#onSubmit("register", (form) => this.#register(form));
  }

  show(notice = "") {
    byId("auth").hidden = false;
    for (const name of ["login", "register"]) byId(`${name}-form`).reset();
    this.#choose("login");
    setText(byId("auth-notice"), notice);
  }

  hide() {
    byId("auth").hidden = true;
    setText(byId("auth-notice"), "");
  }

  #choose(name) {
    byId("login-form").hidden = name !== "login";
    byId("register-form").hidden = name !== "register";
    this.#clear();
    byId(name === "login" ? "login-name" : "register-username").focus();
  }

  #clear() {
    for (const id of ["login-error", "register-error"]) setText(byId(id), "");
    for (const field of FIELDS) this.#mark(field, "");
  }

  #mark(field, text) {
    const input = byId(`register-${field}`);
    setText(byId(`register-${field}-error`), text);
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  #onSubmit(name, work) {
    const form = byId(`${name}-form`);
    const button = byId(`${name}-submit`);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      this.#clear();
      button.disabled = true;
      try {
        if (await work(form.elements)) this.onEntered({ byHand: true });
      } catch (error) {
        this.#refused(name, error);
      } finally {
        button.disabled = false;
      }
    });
  }

  async #login({ name, password }) {
    const account = name.value.trim();
    if (!account || !password.value) {
      setText(byId("login-error"), "Give your name and your password.");
      (account ? password : name).focus();
      return false;
    }
    await this.chat.login({ [account.includes("@") ? "email" : "username"]: account, password: password.value });
    return true;
  }

  async #register({ username, email, password }) {
    const wrong = {
      username: /^[A-Za-z0-9_.-]{3,32}$/.test(username.value.trim())
        ? ""
        : "Use 3 to 32 letters, digits, “_”, “-” or “.”.",
      email: /^[^@\s]+@[^@\s]+$/.test(email.value.trim()) ? "" : "Give an email address.",
      password: password.value.length >= 8 ? "" : "Use at least 8 characters.",
    };
    for (const field of FIELDS) this.#mark(field, wrong[field]);
    const first = FIELDS.find((field) => wrong[field]);
    if (first) {
      byId(`register-${first}`).focus();
      return false;
    }
    await this.chat.register({ username: username.value.trim(), email: email.value.trim(), password: password.value });
    return true;
  }

  #refused(name, error) {
    const details = error.code in TAKEN ? { [TAKEN[error.code]]: error.message } : error.details;
    const fields = name === "register" ? FIELDS.filter((field) => details[field]) : [];
    for (const field of fields) this.#mark(field, `${details[field]}`);
    if (fields.length > 0) return byId(`register-${fields[0]}`).focus();
    const wait = error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : "";
    setText(byId(`${name}-error`), error.message + wait);
  }
}
