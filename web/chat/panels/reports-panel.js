/** The messages of the shown room that were reported, for its moderators. */

import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";
import { relativeLabel } from "../../ui/dates.js";

export class ReportsPanel {
  #list;

  constructor({ root, page }) {
    const { roomId, chat } = page;
    const remove = async (message) => {
      const question = { title: "Delete this message?", action: "Delete", isDanger: true };
      if (await page.confirm(question)) await this.#list.change(() => chat.api.messages.delete(message.id));
    };
    const row = ({ message, by, reason, at }, index) =>
      h(
        "li",
        { key: `${message.id} ${index}`, class: "report" },
        h(
          "div",
          { class: "two-lines" },
          h("small", {}, `@${message.username} wrote`),
          h("p", { dir: "auto" }, message.content ?? "(an attachment)"),
          h(
            "small",
            {},
            `reported by ${page.people.of(by)?.displayName ?? "a member"}, ${relativeLabel(new Date(at), new Date())}`,
          ),
          h("p", { class: "report-reason", dir: "auto" }, reason),
          h(
            "div",
            { class: "report-actions" },
            h("button", { type: "button", class: "link", on: { click: () => page.showMessage(message) } }, "Show it"),
            h(
              "button",
              { type: "button", class: "link", on: { click: () => page.openPanel("profile", message.userId) } },
              "The person",
            ),
            h("button", { type: "button", class: "link", on: { click: () => remove(message) } }, "Delete it"),
          ),
        ),
      );
    const load = async (cursor) => {
      const { reports, nextCursor } = await chat.api.rooms.reports(roomId, { cursor });
      return { items: reports, nextCursor };
    };
    this.#list = new PagedSection({ root, load, row, empty: "Nothing was reported here." });
  }

  close() {
    this.#list.close();
  }
}
