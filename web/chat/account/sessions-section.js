/** Where the user is logged in; each of them can be ended. */

import { h, patch } from "../../ui/view.js";
import { relativeLabel } from "../../ui/dates.js";

export class SessionsSection {
  #root;
  #page;
  #sessions = null;
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
      this.#sessions = await this.#page.chat.api.people.sessions();
      this.#draw();
    } catch (error) {
      this.#draw(error.message);
    }
  }

  #draw(error = "") {
    if (this.#isClosed) return;
    const sessions = this.#sessions ?? [];
    const others = sessions.filter(({ current }) => !current);
    patch(this.#root, [
      this.#sessions === null && !error && h("p", { role: "status" }, "Loading…"),
      h("p", { class: "form-error", role: "alert" }, error),
      h(
        "ul",
        { class: "sessions" },
        sessions.map((session) => this.#row(session)),
      ),
      others.length > 1 &&
        h("button", { type: "button", class: "danger", on: { click: () => this.#end(others) } }, "End all others"),
    ]);
  }

  #row(session) {
    const { id, userAgent, lastUsedAt, current } = session;
    const used = current ? "this one" : `used ${relativeLabel(new Date(lastUsedAt), new Date())}`;
    return h(
      "li",
      { key: id },
      h("span", { class: "two-lines" }, h("b", {}, deviceOf(userAgent ?? "")), h("small", {}, used)),
      !current && h("button", { type: "button", on: { click: () => this.#end([session]) } }, "End"),
    );
  }

  async #end(sessions) {
    try {
      for (const { id } of sessions) await this.#page.chat.api.people.endSession(id);
    } catch (error) {
      return this.#draw(error.message);
    }
    await this.#load();
  }
}

/** "Firefox on Linux", as far as a user agent tells. */
export function deviceOf(userAgent) {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(userAgent)?.[1];
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const name = { Edg: "Edge", OPR: "Opera" }[browser] ?? browser;
  if (!name) return userAgent.split(/[\s/]/)[0] || "Another program";
  return system ? `${name} on ${system === "Mac OS X" ? "macOS" : system}` : name;
}
