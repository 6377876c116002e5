/** The people whom the user has blocked. */

import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";

export class BlocksSection {
  #list;

  constructor({ root, page }) {
    const { chat } = page;
    const row = ({ id, displayName, username }) =>
      h(
        "li",
        { key: id },
        h("span", { class: "two-lines" }, h("b", { dir: "auto" }, displayName), h("small", {}, `@${username}`)),
        h("button", { type: "button", on: { click: () => this.#list.change(() => chat.unblock(id)) } }, "Unblock"),
      );
    const load = async () => ({ items: await chat.api.people.blocked() });
    const empty = "You have blocked nobody. A profile has the button for it.";
    this.#list = new PagedSection({ root, page, load, row, empty });
  }

  close() {
    this.#list.close();
  }
}
