/** The dialogs to find, create and leave rooms. */

import { byId, closable, el, icon, setText, updateList } from "../ui/dom.js";
import { plural } from "../ui/text.js";

const SEARCH_AFTER_MS = 250;

export class RoomDialogs {
  #timer = null;
  #searchNumber = 0;
  #cursor = null;
  #leaving = null;

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    for (const id of ["find-dialog", "create-dialog", "leave-dialog"]) closable(byId(id));
    byId("find-rooms").addEventListener("click", () => this.find());
    byId("new-room").addEventListener("click", () => this.create());
    byId("find-q").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#runSearch(), SEARCH_AFTER_MS);
    });
    byId("find-more").addEventListener("click", () => this.#runSearch({ more: true }));
    byId("create-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#create(event.target.elements);
    });
    byId("leave-confirm").addEventListener("click", () => this.#leave());
  }

  find() {
    byId("find-q").value = "";
    byId("find-results").replaceChildren();
    byId("find-dialog").showModal();
    byId("find-q").focus();
    void this.#runSearch();
  }

  async #runSearch({ more = false } = {}) {
    const number = ++this.#searchNumber;
    const q = byId("find-q").value.trim();
    try {
      const { rooms, nextCursor } = await this.chat.findRooms({ q, cursor: more ? this.#cursor : null });
      if (number !== this.#searchNumber) return;
      this.#cursor = nextCursor;
      const items = rooms.filter((room) => room.kind !== "direct").map((room) => this.#item(room));
      if (more) byId("find-results").append(...items);
      else updateList(byId("find-results"), items);
      const none = q ? "No room is called so. You can make it." : "There is no room yet. Make the first one.";
      setText(byId("find-status"), byId("find-results").children.length ? "" : none);
      byId("find-more").hidden = !nextCursor;
    } catch (error) {
      if (number === this.#searchNumber) setText(byId("find-status"), error.message);
    }
  }

  #item(room) {
    const isMine = Boolean(room.role);
    const about = [plural(room.memberCount, "member"), room.description].filter(Boolean).join(" · ");
    const label = isMine ? "Open" : "Join";
    return el(
      "li",
      { "data-found-room-id": room.id },
      icon(room.isPrivate ? "lock" : "hash"),
      el("span", { class: "two-lines" }, el("b", {}, room.name), el("small", {}, about)),
      el(
        "button",
        {
          type: "button",
          class: isMine ? null : "primary",
          "aria-label": `${label} ${room.name}`,
          onclick: (event) => this.#enter(room, isMine, event.currentTarget),
        },
        label,
      ),
    );
  }

  async #enter(room, isMine, button) {
    button.disabled = true;
    try {
      if (!isMine) await this.chat.join(room.id);
      byId("find-dialog").close();
      this.page.openRoom(room.id);
      this.page.focusComposer();
    } catch (error) {
      setText(byId("find-status"), error.message);
    } finally {
      button.disabled = false;
    }
  }

  create() {
    byId("create-form").reset();
    setText(byId("create-error"), "");
    byId("create-dialog").showModal();
    byId("create-name").focus();
  }

  async #create({ name, description, private: isPrivate }) {
    const button = byId("create-submit");
    if (!name.value.trim()) {
      setText(byId("create-error"), "Give the room a name.");
      name.focus();
      return;
    }
    button.disabled = true;
    try {
      const fields = {
        name: name.value.trim(),
        description: description.value.trim() || null,
        isPrivate: isPrivate.checked,
      };
      const room = await this.chat.createRoom(fields);
      byId("create-dialog").close();
      this.page.openRoom(room.id);
      this.page.focusComposer();
    } catch (error) {
      setText(
        byId("create-error"),
        Object.values(error.details)[0] ? `${error.message} ${Object.values(error.details)[0]}` : error.message,
      );
    } finally {
      button.disabled = false;
    }
  }

  confirmLeave(roomId) {
    const room = this.chat.rooms.get(roomId)?.room;
    if (!room) return;
    this.#leaving = roomId;
    setText(byId("leave-title"), `Leave ${room.name}?`);
    setText(
      byId("leave-text"),
      room.isPrivate ? "You can come back only if you are invited again." : "You can join it again at any time.",
    );
    setText(byId("leave-error"), "");
    byId("leave-dialog").showModal();
  }

  async #leave() {
    try {
      await this.chat.leave(this.#leaving);
      byId("leave-dialog").close();
      byId("room-name").focus();
    } catch (error) {
      setText(byId("leave-error"), error.message);
    }
  }
}
