/** The dialogs with a person's profile, and to find people for a direct message or an invitation. */

import { avatar, byId, closable, el, setText, updateList } from "../ui/dom.js";

const SEARCH_AFTER_MS = 250;
export const STATUS_NAMES = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };

export class PersonDialogs {
  #timer = null;
  #searchNumber = 0;
  #choose = null;
  #userId = null;

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    closable(byId("users-dialog"));
    closable(byId("person-dialog"));
    byId("new-direct").addEventListener("click", () =>
      this.#openSearch({ title: "New direct message", label: "Message", choose: (user) => this.#direct(user.id) }),
    );
    byId("users-q").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#runSearch(), SEARCH_AFTER_MS);
    });
    byId("person-direct").addEventListener("click", () => this.#directFromPerson());
  }

  invite(roomId) {
    const name = this.chat.nameOf(this.chat.rooms.get(roomId).room);
    this.#openSearch({
      title: `Invite to ${name}`,
      label: "Invite",
      choose: async (user, button) => {
        await this.chat.invite(roomId, user.id);
        setText(button, "Invited");
        setText(byId("users-status"), `${user.displayName} is now in ${name}.`);
        button.disabled = true;
        byId("users-q").focus();
      },
    });
  }

  #openSearch(choice) {
    this.#choose = choice;
    setText(byId("users-title"), choice.title);
    byId("users-q").value = "";
    setText(byId("users-status"), "");
    byId("users-results").replaceChildren();
    byId("users-dialog").showModal();
    byId("users-q").focus();
    void this.#runSearch();
  }

  async #runSearch() {
    const number = ++this.#searchNumber;
    try {
      const users = await this.chat.findUsers(byId("users-q").value.trim());
      if (number !== this.#searchNumber) return;
      const others = users.filter((user) => user.id !== this.chat.user.id);
      updateList(
        byId("users-results"),
        others.map((user) => this.#item(user)),
      );
      setText(byId("users-status"), others.length ? "" : "Nobody is called so.");
    } catch (error) {
      if (number === this.#searchNumber) setText(byId("users-status"), error.message);
    }
  }

  #item(user) {
    const { label, choose } = this.#choose;
    const pick = async ({ currentTarget: button }) => {
      clearTimeout(this.#timer); // the result of a pending search would replace the list and the status text
      this.#searchNumber += 1;
      try {
        await choose(user, button);
      } catch (error) {
        setText(byId("users-status"), error.message);
      }
    };
    return el(
      "li",
      { "data-user-id": user.id },
      avatar({ id: user.id, name: user.displayName }),
      el("span", { class: "two-lines" }, el("b", {}, user.displayName), el("small", {}, `@${user.username}`)),
      el("button", { type: "button", "aria-label": `${label} ${user.displayName}`, onclick: pick }, label),
    );
  }

  /** Open the dialog with a person's profile. */
  async show(userId) {
    this.#userId = userId;
    setText(byId("person-name"), "");
    setText(byId("person-error"), "");
    byId("person-body").replaceChildren();
    byId("person-direct").hidden = true;
    byId("person-dialog").showModal();
    try {
      const user = await this.chat.person(userId);
      if (userId !== this.#userId) return;
      setText(byId("person-name"), user.displayName);
      const words = [
        el("span", { class: "dot", "data-status": user.status }),
        STATUS_NAMES[user.status] ?? user.status,
      ];
      byId("person-body").replaceChildren(
        avatar({ id: user.id, name: user.displayName }),
        el(
          "div",
          {},
          el("p", {}, `@${user.username}`),
          el("p", {}, ...words),
          user.customStatus && el("p", {}, user.customStatus),
        ),
      );
      byId("person-direct").hidden = userId === this.chat.user.id;
    } catch (error) {
      setText(byId("person-name"), "Not found");
      setText(byId("person-error"), error.message);
    }
  }

  async #directFromPerson() {
    try {
      await this.#direct(this.#userId);
    } catch (error) {
      setText(byId("person-error"), error.message);
    }
  }

  async #direct(userId) {
    const room = await this.chat.direct(userId);
    byId("users-dialog").close();
    byId("person-dialog").close();
    this.page.openRoom(room.id);
    this.page.focusComposer();
  }
}
