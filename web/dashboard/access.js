/** What is shown to whoever may not see the numbers: who may, and a way to log in. */

import { byId, setText } from "../ui/dom.js";

const WHO =
  "The numbers are for addresses in METRICS_ALLOW (by a host in METRICS_HOSTS), and for the accounts in ADMIN_USERS.";

export class Access {
  constructor({ feed, source }) {
    this.feed = feed;
    this.source = source;
    feed.addEventListener("state", () => this.#render());
    byId("login-form").addEventListener("submit", (event) => this.#login(event));
    // Whoever logs in at the chat, in another tab, is logged in here. Not whoever was refused already: two tabs that
    // renew one token would set each other off for ever.
    window.addEventListener("storage", () => {
      if (feed.state === "forbidden" && source.user && source.user.id !== this.refused) feed.retry();
    });
  }

  #render() {
    if (this.feed.state !== "forbidden") return;
    const { user } = this.source;
    this.refused = user?.id;
    setText(byId("access-text"), user ? `${WHO} You are logged in as ${user.username}, who is not one of them.` : WHO);
    byId("login-name").focus();
  }

  async #login(event) {
    event.preventDefault();
    const { name, password } = event.target.elements;
    const button = byId("login-submit");
    if (button.disabled) return;
    const account = name.value.trim();
    setText(byId("login-error"), account && password.value ? "" : "Give your name and your password.");
    if (!account || !password.value) return (account ? password : name).focus();
    button.disabled = true;
    try {
      await this.source.login({ account, password: password.value });
      event.target.reset();
      this.feed.retry();
    } catch (error) {
      setText(byId("login-error"), error.message + (error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : ""));
    } finally {
      button.disabled = false;
    }
  }
}
