/** The invite links of a room: all of them to moderators, their own to other members. */

import { chosenInvite, inviteFields } from "./invite-fields.js";
import { endpoint } from "../../client/api-request.js";
import { fullLabel } from "../../ui/dates.js";
import { h } from "../../ui/view.js";
import { isCopied } from "../../ui/clipboard.js";
import { PagedSection } from "../paged-section.js";
import { plural } from "../../ui/text.js";
import { singleFlight } from "../../ui/single-flight.js";

export class RoomInvites {
  #list;
  #page;
  #roomId;

  constructor({ root, page, roomId }) {
    const { rooms } = page.chat.api;
    this.#page = page;
    this.#roomId = roomId;
    const makeOnce = singleFlight(async (chosen) => {
      await this.#list.change(async () => {
        await rooms.createInvite(roomId, chosen);
        if (!root.isConnected) page.toast("The invite link is made: it is in the settings of the room.");
      });
    });
    const make = (event) => {
      event.preventDefault();
      void makeOnce(chosenInvite(event.target.elements));
    };
    this.#list = new PagedSection({
      ...{ root, page },
      row: (invite) => this.#row(invite),
      load: async () => ({ items: await rooms.invites(roomId) }),
      empty: "There are no invite links.",
      head: () =>
        h(
          "form",
          { class: "form", on: { submit: make } },
          inviteFields(),
          h("button", { type: "submit", class: "primary" }, "Make a link"),
        ),
    });
  }

  close() {
    this.#list.close();
  }

  #row(invite) {
    const { code, uses, maxUses, expiresAt } = invite;
    const used = maxUses
      ? `Used ${uses} of ${plural(maxUses, "time")}`
      : `Used ${plural(uses, "time")}, without a limit`;
    const until = expiresAt ? `expires on ${fullLabel(new Date(expiresAt))}` : "never expires";
    const revoke = { type: "button", class: "danger", on: { click: () => this.#revoke(invite) } };
    return h(
      "li",
      { key: code },
      h("span", { class: "two-lines" }, h("b", {}, `…${code.slice(-6)}`), h("small", {}, `${used}, ${until}`)),
      h("button", { type: "button", on: { click: () => this.#copy(invite) } }, "Copy"),
      h("button", revoke, "Revoke"),
    );
  }

  async #copy({ url }) {
    const whole = endpoint(this.#page.chat.api.baseUrl, url).href;
    this.#list.tell((await isCopied(whole)) ? "The link is copied." : whole);
  }

  async #revoke({ code }) {
    const text = "Who has it cannot join by it any more, which cannot be undone. Members stay.";
    const question = { title: "Revoke this link?", text, action: "Revoke", isDanger: true };
    if (!(await this.#page.confirm(question))) return;
    await this.#list.change(() => this.#page.chat.api.rooms.deleteInvite(this.#roomId, code));
  }
}
