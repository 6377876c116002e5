/** The forms to log in and to register, also with an invite link. An error is shown beside its field. */

import { field, focusWrong } from "./field.js";
import { h, patch } from "../../ui/view.js";
import { RegisterFields } from "./register-fields.js";

const LOGO = new URL("../../ui/favicon.svg", import.meta.url).href;

export class AuthView {
  #root;
  #page;
  #onEntered;
  #notice;
  #form;
  #invite;
  #errors = {}; // field → text; `form`: of the form as a whole
  #isBusy = false;

  /** `notice`: why the person has to log in. `onEntered()` is called once somebody is logged in. */
  constructor({ root, page, notice = "", onEntered }) {
    this.#root = root;
    this.#page = page;
    this.#notice = notice;
    this.#onEntered = onEntered;
    this.#invite = page.invite;
    this.#form = this.#invite ? "register" : "login";
    document.title = "Chat Rooms";
    this.#draw();
    this.#focusFirst();
  }

  close() {
    patch(this.#root, []);
  }

  #draw() {
    const invited = this.#invite && "You were invited to a room. Create an account, or log in if you have one.";
    const notice = this.#notice || invited;
    patch(
      this.#root,
      h(
        "main",
        { class: "auth" },
        h(
          "div",
          { class: "auth-card" },
          h("p", { class: "brand" }, h("img", { src: LOGO, alt: "", width: 32, height: 32 }), "Chat Rooms"),
          h("p", { class: "auth-notice", role: "status" }, notice),
          this.#form === "login" ? this.#login() : this.#register(),
        ),
      ),
    );
  }

  #login() {
    return h(
      "form",
      { key: "login", novalidate: true, "aria-label": "Log in", on: { submit: (event) => this.#submit(event, login) } },
      h("h1", {}, "Log in"),
      this.#field("name", "Username or email", {
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
      }),
      this.#field("password", "Password", { type: "password", autocomplete: "current-password" }),
      this.#formError(),
      h("button", { class: "primary", type: "submit", disabled: this.#isBusy }, "Log in"),
      this.#switchTo("register", "New here?", "Create an account"),
    );
  }

  #register() {
    const name = { autocomplete: "username", autocapitalize: "none", spellcheck: "false" };
    const hint = "3 to 32 letters, digits, “_”, “-” or “.”. It cannot be changed later.";
    return h(
      "form",
      {
        key: "register",
        novalidate: true,
        "aria-label": "Register",
        on: { submit: (event) => this.#submit(event, register) },
      },
      h("h1", {}, "Create an account"),
      this.#field("username", "Username", name, hint),
      this.#field("email", "Email", { type: "email", autocomplete: "email" }),
      this.#field("password", "Password", { type: "password", autocomplete: "new-password" }, "At least 8 characters."),
      this.#formError(),
      h("button", { class: "primary", type: "submit", disabled: this.#isBusy }, "Create account"),
      this.#switchTo("login", "Have an account?", "Log in"),
    );
  }

  #field(name, label, attributes, hint = null) {
    const about = { id: `auth-${name}`, name, label, hint, error: this.#errors[name] };
    return field(about, { dir: "auto", ...attributes });
  }

  #formError() {
    return h("p", { class: "form-error", role: "alert" }, this.#errors.form ?? "");
  }

  #switchTo(form, question, label) {
    const choose = () => {
      this.#form = form;
      this.#errors = {};
      this.#notice = "";
      this.#draw();
      this.#focusFirst();
    };
    return h(
      "p",
      { class: "auth-switch" },
      `${question} `,
      h("button", { class: "link", type: "button", on: { click: choose } }, label),
    );
  }

  #focusFirst() {
    /** @type {HTMLElement} */ (this.#root.querySelector("input")).focus();
  }

  async #submit(event, work) {
    event.preventDefault();
    if (this.#isBusy) return;
    const fields = Object.fromEntries(new FormData(event.target));
    this.#errors = work.wrong(fields);
    if (Object.keys(this.#errors).length > 0) return this.#showErrors();
    this.#isBusy = true;
    this.#draw();
    try {
      await work.run(this.#page.chat, fields, this.#invite);
    } catch (error) {
      this.#isBusy = false;
      this.#errors = work.refused(error);
      return this.#showErrors();
    }
    this.#onEntered({ byHand: true });
  }

  #showErrors() {
    this.#draw();
    focusWrong(this.#root, this.#errors);
  }
}

const waitText = ({ message, retryAfterS }) => (retryAfterS ? `${message} Try again in ${retryAfterS} s.` : message);

const login = {
  wrong: ({ name, password }) => (name.trim() && password ? {} : { form: "Give your name and your password." }),
  run: (chat, { name, password }) => {
    const account = name.trim();
    return chat.login({ [account.includes("@") ? "email" : "username"]: account, password });
  },
  refused: (error) => ({ form: waitText(error) }),
};

const register = {
  wrong: RegisterFields.wrong,
  run: (chat, { username, email, password }, invite) =>
    chat.register({ username: username.trim(), email: email.trim(), password, ...(invite ? { invite } : {}) }),
  refused: (error) => RegisterFields.refused(error) ?? { form: waitText(error) },
};
