/** What moderators and owners did in the shown room. */

import { auditText } from "./audit-text.js";
import { distinctNames } from "../../ui/names.js";
import { fullLabel, relativeLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";

export class AuditPanel {
  #page;
  #list;
  #names = new Map(); // userId → {name, handle}
  #version = -1; // of people, of which the names were made

  constructor({ root, page }) {
    this.#page = page;
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
    const shown = parts.map((/** @type {any} */ part) => {
      if (part.person) return this.#name(part.person);
      return part.quote === undefined ? part : h("b", {}, h("bdi", {}, part.quote));
    });
    const show = { type: "button", class: "link", on: { click: () => this.#show(details.messageId) } };
    return h(
      "li",
      { key: `${at} ${index}`, class: "report", "data-action": entry.action },
      h(
        "div",
        { class: "two-lines" },
        h("p", {}, this.#name(by), " ", shown, "."),
        note && h("p", { class: "report-reason", dir: "auto" }, note),
        h("small", {}, h("time", { datetime: at, title: fullLabel(date) }, relativeLabel(date, new Date()))),
        details?.messageId && h("div", { class: "report-actions" }, h("button", show, "Show it")),
      ),
    );
  }

  #name(userId) {
    const { people, chat, store } = this.#page;
    const isKnown = people.of(userId) !== null; // what is not is read soon
    const version = store.version("people");
    if (version !== this.#version) this.#names = distinctNames([...people.all, chat.user]);
    this.#version = version;
    const { name, handle } = (isKnown && this.#names.get(userId)) || { name: "somebody", handle: null };
    return [h("b", {}, h("bdi", {}, name)), handle && ` ${handle}`];
  }

  async #show(messageId) {
    try {
      this.#page.showMessage(await this.#page.chat.api.messages.get(messageId));
    } catch (error) {
      this.#page.failed(error);
    }
  }
}
