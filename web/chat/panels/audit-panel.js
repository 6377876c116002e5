/** What moderators and owners did in the shown room. */

import { fullLabel, relativeLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";

/** What the actions of the contract's documents are called. */
const WORDS = {
  role: "changed the role of",
  mute: "muted",
  unmute: "unmuted",
  remove: "removed",
  ban: "banned",
  unban: "ended the ban of",
  invite: "invited",
  settings: "changed the settings",
  invite_link_made: "made an invite link",
  invite_link_revoked: "revoked an invite link",
  message_edited: "edited a message of",
  message_deleted: "deleted a message of",
  webhook_made: "made a webhook",
  webhook_revoked: "revoked a webhook",
  bot_made: "made a bot",
  bot_revoked: "revoked a bot",
};

export class AuditPanel {
  #list;

  constructor({ root, page }) {
    const { roomId, chat, people } = page;
    const nameOf = (userId) => people.of(userId)?.displayName ?? "somebody";
    const row = ({ at, by, action, userId, details }, index) => {
      const date = new Date(at);
      const more = Object.entries(details ?? {}).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
      return h(
        "li",
        { key: `${at} ${index}`, class: "report" },
        h(
          "div",
          { class: "two-lines" },
          h(
            "p",
            {},
            h("b", {}, h("bdi", {}, nameOf(by))),
            ` ${WORDS[action] ?? action.replaceAll("_", " ")} `,
            userId && h("b", {}, h("bdi", {}, nameOf(userId))),
          ),
          more.length > 0 && h("small", { dir: "auto" }, more.join(", ")),
          h("small", {}, h("time", { title: fullLabel(date) }, relativeLabel(date, new Date()))),
        ),
      );
    };
    const load = async (cursor) => {
      const { entries, nextCursor } = await chat.api.rooms.audit(roomId, { cursor });
      return { items: entries, nextCursor };
    };
    this.#list = new PagedSection({ root, load, row, empty: "Nothing was done here yet." });
  }

  close() {
    this.#list.close();
  }
}
