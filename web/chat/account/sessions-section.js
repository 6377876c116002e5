/** Where the user is logged in; each of them can be ended. */

import { deviceOf } from "./user-agent.js";
import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";
import { momentLabel } from "../../ui/dates.js";

export class SessionsSection {
  #list;
  #page;
  #people;

  constructor({ root, page }) {
    this.#page = page;
    this.#people = page.chat.api.people;
    this.#list = new PagedSection({
      ...{ root, page },
      load: async () => ({ items: await this.#people.sessions() }),
      row: (session) => this.#row(session),
      empty: "",
      foot: (sessions) => this.#endOthers(sessions.filter(({ current }) => !current)),
    });
  }

  close() {
    this.#list.close();
  }

  #row(session) {
    const { id, userAgent, lastUsedAt, current } = session;
    const used = current ? "this one" : `last used ${momentLabel(new Date(lastUsedAt), new Date())}`;
    return h(
      "li",
      { key: id },
      h("span", { class: "two-lines" }, h("b", {}, deviceOf(userAgent ?? "")), h("small", {}, used)),
      !current && h("button", { type: "button", on: { click: () => this.#end([session]) } }, "End"),
    );
  }

  #endOthers(others) {
    if (others.length < 2) return null;
    return h("button", { type: "button", class: "danger", on: { click: () => this.#end(others) } }, "End all others");
  }

  async #end(sessions) {
    const [{ userAgent }] = sessions;
    const what = sessions.length > 1 ? `${sessions.length} sessions` : `the session of ${deviceOf(userAgent ?? "")}`;
    const text = "Who uses it is logged out there, which cannot be undone: the password is needed again.";
    if (!(await this.#page.confirm({ title: `End ${what}?`, text, action: "End", isDanger: true }))) return;
    await this.#list.change(async () => {
      for (const { id } of sessions) await this.#people.endSession(id);
    });
  }
}
