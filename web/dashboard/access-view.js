/** The view for users without access to the metrics: who has access, and a form to log in. */

import { byId, setText } from "../ui/dom.js";

const WHO =
  "The numbers are for addresses in METRICS_ALLOW (by a host in METRICS_HOSTS), and for the accounts in ADMIN_USERS.";

export class AccessView {
  constructor({ poller, metricsApi }) {
    this.poller = poller;
    this.metricsApi = metricsApi;
    poller.addEventListener("state", () => this.#render());
    byId("login-form").addEventListener("submit", (event) => this.#login(event));
    // A login on the chat page in another tab counts here too. A user who was refused before is not tried again:
    // otherwise two tabs that renew one token would trigger each other endlessly.
    window.addEventListener("storage", () => {
      if (poller.state === "forbidden" && metricsApi.user && metricsApi.user.id !== this.refused) poller.pollNow();
    });
  }

  #render() {
    if (this.poller.state !== "forbidden") return;
    const { user } = this.metricsApi;
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
      await this.metricsApi.login({ account, password: password.value });
      event.target.reset();
      this.poller.pollNow();
    } catch (error) {
      setText(byId("login-error"), error.message + (error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : ""));
    } finally {
      button.disabled = false;
    }
  }
}
