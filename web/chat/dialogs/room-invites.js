/** The invite links of a room. */

import { endpoint } from "../../client/api-request.js";
import { fullLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { isCopied } from "../../ui/clipboard.js";
import { PagedSection } from "../paged-section.js";
import { plural } from "../../ui/text.js";

const WEEK_S = 7 * 24 * 3600;

export class RoomInvites {
  #list;

  constructor({ root, page, roomId }) {
    const { rooms } = page.chat.api;
    const make = () => this.#list.change(() => rooms.createInvite(roomId, { expiresIn: WEEK_S }));
    const copy = async ({ url }) => {
      const whole = endpoint(page.chat.api.baseUrl, url).href;
      page.toast((await isCopied(whole)) ? "The link is copied." : whole);
    };
    const row = (invite) => {
      const { code, uses, maxUses, expiresAt } = invite;
      const used = maxUses ? `${uses} of ${plural(maxUses, "use")}` : plural(uses, "use");
      return h(
        "li",
        { key: code },
        h(
          "span",
          { class: "two-lines" },
          h("b", {}, `…${code.slice(-6)}`),
          h("small", {}, used, expiresAt ? `, until ${fullLabel(new Date(expiresAt))}` : ""),
        ),
        h("button", { type: "button", on: { click: () => copy(invite) } }, "Copy"),
        h(
          "button",
          {
            type: "button",
            class: "danger",
            on: { click: () => this.#list.change(() => rooms.deleteInvite(roomId, code)) },
          },
          "Revoke",
        ),
      );
    };
    this.#list = new PagedSection({
      root,
      row,
      load: async () => ({ items: await rooms.invites(roomId) }),
      empty: "There are no invite links.",
      head: () => h("button", { type: "button", class: "primary", on: { click: make } }, "Make a link for 7 days"),
    });
  }

  close() {
    this.#list.close();
  }
}
