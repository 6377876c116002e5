/** The header of the shown room, and the welcome view while no room is shown. */

import { byId, setText } from "../ui/dom.js";
import { plural } from "../ui/text.js";

export class RoomView {
  #preview = null; // a room that the URL names and of which the user is no member
  #lookedFor = null; // the id of the user for whom rooms to join were looked for
  #isFirst = false; // there is no room at all to find

  constructor({ chat, page, roomDialogs, personDialogs }) {
    this.chat = chat;
    this.page = page;
    chat.addEventListener("list", () => this.#render());
    byId("invite").addEventListener("click", () => personDialogs.invite(page.roomId));
    byId("leave").addEventListener("click", () => roomDialogs.confirmLeave(page.roomId));
    byId("welcome-find").addEventListener("click", () => roomDialogs.find());
    byId("welcome-new").addEventListener("click", () => roomDialogs.create());
    byId("welcome-join").addEventListener("click", () => this.#join());
  }

  show() {
    this.#preview = null;
    this.#render();
    void this.#loadPreview();
  }

  #render() {
    const { chat, page } = this;
    if (!chat.rooms) return;
    const room = chat.rooms.get(page.roomId)?.room;
    const isWaiting = page.roomId !== null && !room && !chat.rooms.isListed;
    byId("talk").hidden = !room;
    byId("welcome").hidden = Boolean(room) || isWaiting;
    byId("room-actions").hidden = !room;
    setText(byId("room-name"), room ? chat.nameOf(room) : "");
    setText(byId("room-about"), room ? this.#about(room) : "");
    if (room) {
      const name = chat.nameOf(room);
      byId("scroller").setAttribute("aria-label", `Messages in ${name}`);
      byId("leave").hidden = room.kind === "direct";
      byId("invite").hidden = room.kind === "direct" || (room.isPrivate && room.role === "member");
      byId("composer").placeholder = `Message ${name}`;
    } else if (!isWaiting) {
      this.#renderWelcome();
      if (page.roomId && chat.rooms.isListed && !this.#preview) void this.#loadPreview();
      void this.#lookForRooms();
    }
  }

  #about(room) {
    if (room.kind === "direct") return "Only the two of you can read this.";
    const members = `${room.isPrivate ? "Private · " : ""}${plural(room.memberCount, "member")}`;
    return room.description ? `${members} · ${room.description}` : members;
  }

  #renderWelcome() {
    const preview = this.#preview;
    const found = preview?.room;
    byId("welcome-join").hidden = !found;
    let title = "Choose a room";
    let text = "Pick one from the list, find one to join, or make your own and invite the others.";
    if (found) {
      title = found.name;
      text = `${found.description ?? ""} You are not in this room yet. ${plural(found.memberCount, "member")}.`.trim();
    } else if (preview) {
      title = "This room is not here";
      text = "It is private, or it was deleted, or the address is wrong.";
    } else if (this.chat.rooms.isListed && this.chat.rooms.all.length === 0) {
      title = `Welcome, ${this.chat.user.displayName}`;
      text = this.#isFirst
        ? "Nobody has made a room yet. Make the first one, and invite the others."
        : "You are in no room yet. Find one to join, or make your own and invite the others.";
    }
    byId("welcome-find").hidden = this.#isFirst;
    byId("welcome-new").classList.toggle("primary", this.#isFirst);
    setText(byId("welcome-title"), title);
    setText(byId("welcome-text"), text);
  }

  /** Find out whether there is any room to join, once for a user who is in none. */
  async #lookForRooms() {
    const { rooms } = this.chat;
    if (!rooms.isListed || rooms.all.length > 0) {
      this.#isFirst = false;
      return;
    }
    if (this.#lookedFor === this.chat.user.id) return;
    this.#lookedFor = this.chat.user.id;
    const found = await this.chat.findRooms().catch(() => null);
    if (!found || !this.chat.rooms || this.chat.rooms.all.length > 0) return;
    this.#isFirst = found.rooms.length === 0;
    this.#render();
  }

  /** Load the room that the URL names if the user is no member of it. */
  async #loadPreview() {
    const { roomId } = this.page;
    if (!roomId || !this.chat.rooms.isListed || this.chat.rooms.get(roomId)) return;
    this.#preview = { room: null };
    const room = await this.chat.api.rooms.get(roomId).catch(() => null);
    if (roomId !== this.page.roomId || !this.chat.rooms) return;
    this.#preview = { room };
    this.#render();
  }

  async #join() {
    try {
      await this.chat.join(this.page.roomId);
      this.page.openRoom(this.page.roomId);
    } catch (error) {
      this.page.toast(error.message);
    }
  }
}
