/** What moderators and owners did in the shown room. */

import { auditText } from "./audit-text.js";
import { fullLabel, relativeLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";
import { PersonNames } from "../person-names.js";

export class AuditPanel {
  #page;
  #list;
  #names;

  constructor({ root, page }) {
    this.#page = page;
    this.#names = new PersonNames({ page });
    const { roomId, chat } = page;
    const load = async (cursor) => {
      const { entries, nextCursor } = await chat.api.rooms.audit(roomId, { cursor });
      return { items: entries, nextCursor };
    };
    const row = (entry, index) => this.#row(entry, index);
    const empty = "Nothing was done here yet.";
    this.#list = new PagedSection({ root, page, load, row, empty });
  }

  close() {
    this.#list.close();
  }

  #row(entry, index) {
    const { at, by, details } = entry;
    const date = new Date(at);
    const { parts, note } = auditText(entry);
    const name = (userId) => h("b", {}, this.#names.shown(userId, "somebody"));
    const shown = parts.map((/** @type {any} */ part) => {
      if (part.person) return name(part.person);
      return part.quote === undefined ? part : h("b", {}, h("bdi", {}, part.quote));
    });
    const show = { type: "button", class: "link", on: { click: () => this.#show(details.messageId) } };
    return h(
      "li",
      { key: `${at} ${index}`, class: "report", "data-action": entry.action },
      h(
        "div",
        { class: "two-lines" },
        h("p", {}, name(by), " ", shown, "."),
        note && h("p", { class: "report-reason", dir: "auto" }, note),
        h("small", {}, h("time", { datetime: at, title: fullLabel(date) }, relativeLabel(date, new Date()))),
        details?.messageId && h("div", { class: "report-actions" }, h("button", show, "Show it")),
      ),
    );
  }

  async #show(messageId) {
    try {
      this.#page.showMessage(await this.#page.chat.api.messages.get(messageId));
    } catch (error) {
      this.#page.failed(error);
    }
  }
}
