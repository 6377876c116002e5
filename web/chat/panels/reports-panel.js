/** The messages of the shown room that were reported, for its moderators. */

import { h } from "../../ui/view.js";
import { MessageActions } from "../message/message-actions.js";
import { PagedSection } from "../paged-section.js";
import { PersonNames } from "../person-names.js";
import { relativeLabel } from "../../ui/dates.js";

export class ReportsPanel {
  #list;
  #deleted = new Set(); // ids of messages: a report shows its message as it was

  constructor({ root, page }) {
    const { roomId, chat } = page;
    const names = new PersonNames({ page });
    const link = (label, run) => h("button", { type: "button", class: "link", on: { click: run } }, label);
    const actions = new MessageActions({ page, owner: {} });
    const remove = (message) => {
      const show = (work) => {
        work.call(this.#deleted, message.id);
        this.#list.draw();
      };
      actions.delete(message, () => show(this.#deleted.delete));
      show(this.#deleted.add);
    };
    const row = ({ message, by, reason, at }, index) => {
      const name = names.text(message.userId, message.username);
      const about = { roomId, userId: message.userId, username: message.username, name, onChanged: () => {} };
      return h(
        "li",
        { key: `${message.id} ${index}`, class: "report" },
        h(
          "div",
          { class: "two-lines" },
          h("small", {}, `@${message.username} wrote`),
          h("p", { dir: "auto" }, message.content ?? "(an attachment)"),
          h("small", {}, "reported by ", names.shown(by, "a member"), `, ${relativeLabel(new Date(at), new Date())}`),
          h("p", { class: "report-reason", dir: "auto" }, reason),
          h(
            "div",
            { class: "report-actions" },
            link("Show", () => page.showMessage(message)),
            link("Profile", () => page.openPanel("profile", message.userId)),
            mayModerate(message.userId, page) && [
              link("Mute…", () => page.dialog("mute", about)),
              link("Ban…", () => page.dialog("ban", about)),
            ],
            this.#isDeleted(message, chat) ? h("em", {}, "Deleted.") : link("Delete", () => remove(message)),
          ),
        ),
      );
    };
    const load = async (cursor) => {
      const { reports, nextCursor } = await chat.api.rooms.reports(roomId, { cursor });
      return { items: reports, nextCursor };
    };
    this.#list = new PagedSection({ root, page, load, row, empty: "Nothing was reported here." });
  }

  close() {
    this.#list.close();
  }

  #isDeleted({ id, roomId, seq }, chat) {
    return this.#deleted.has(id) || Boolean(chat.rooms?.get(roomId)?.timeline.get(seq)?.deletedAt);
  }
}

/** Of those whom the server protects, only the owner and oneself are told by a report alone. */
function mayModerate(userId, { roomState, chat }) {
  return userId !== chat.user?.id && userId !== roomState?.room.ownerId;
}
