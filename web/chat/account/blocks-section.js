/** The people whom the user has blocked. */

import { h, patch } from "../../ui/view.js";

export class BlocksSection {
  #root;
  #page;
  #users = null;
  #isClosed = false;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    void this.#load();
  }

  close() {
    this.#isClosed = true;
  }

  async #load() {
    this.#draw();
    try {
      this.#users = await this.#page.chat.api.people.blocked();
      this.#draw();
    } catch (error) {
      this.#draw(error.message);
    }
  }

  #draw(error = "") {
    if (this.#isClosed) return;
    const unblock = async (user) => {
      try {
        await this.#page.chat.unblock(user.id);
      } catch (failure) {
        return this.#draw(failure.message);
      }
      await this.#load();
    };
    const row = (user) =>
      h(
        "li",
        { key: user.id },
        h(
          "span",
          { class: "two-lines" },
          h("b", { dir: "auto" }, user.displayName),
          h("small", {}, `@${user.username}`),
        ),
        h("button", { type: "button", on: { click: () => unblock(user) } }, "Unblock"),
      );
    patch(this.#root, [
      this.#users === null && !error && h("p", { role: "status" }, "Loading…"),
      this.#users?.length === 0 && h("p", {}, "You have blocked nobody. A profile has the button for it."),
      h("p", { class: "form-error", role: "alert" }, error),
      h("ul", { class: "sessions" }, (this.#users ?? []).map(row)),
    ]);
  }
}
