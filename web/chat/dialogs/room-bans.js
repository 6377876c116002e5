/** Who is banned from a room, by whom and why. */

import { fullLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { PagedSection } from "../paged-section.js";
import { PersonNames } from "../person-names.js";

export class RoomBans {
  #list;

  constructor({ root, page, roomId }) {
    const { rooms } = page.chat.api;
    const names = new PersonNames({ page });
    const row = ({ user, by, reason, expiresAt }) =>
      h(
        "li",
        { key: user.id },
        h(
          "span",
          { class: "two-lines" },
          h("b", {}, h("bdi", {}, user.displayName), ` @${user.username}`),
          h(
            "small",
            {},
            "by ",
            names.shown(by, "a moderator"),
            expiresAt ? `, until ${fullLabel(new Date(expiresAt))}` : ", for good",
          ),
          reason && h("small", { dir: "auto" }, reason),
        ),
        h(
          "button",
          { type: "button", on: { click: () => this.#list.change(() => rooms.unban(roomId, user.id)) } },
          "End the ban",
        ),
      );
    const load = async (cursor) => {
      const { bans, nextCursor } = await rooms.bans(roomId, { cursor });
      return { items: bans, nextCursor };
    };
    this.#list = new PagedSection({ root, page, load, row, empty: "Nobody is banned." });
  }

  close() {
    this.#list.close();
  }
}
