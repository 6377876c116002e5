/** What is shown while no room is: what to do next; or a room that the address names and the user is not in. */

import { h, patch } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { plural } from "../../ui/text.js";

export class Welcome {
  #root;
  #page;
  #roomId;
  #preview = null; // {room}: of a room of which the user is no member; room is null where there is none to see
  #error = null;
  #isFirst = false; // there is no room at all to find
  #end;

  constructor({ root, page, roomId }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = roomId;
    this.#end = page.store.select(
      (state, store) => [store.version("list"), store.version("user")],
      () => this.#draw(),
    );
    if (roomId) void this.#loadPreview();
    else void this.#lookForRooms();
  }

  close() {
    this.#end();
    this.#end = null;
  }

  get #isClosed() {
    return this.#end === null;
  }

  #draw() {
    const page = this.#page;
    if (!page.chat.rooms) return;
    const { title, text } = this.#words();
    const found = this.#preview?.room;
    const primary = (isPrimary) => (isPrimary ? "primary" : null);
    patch(this.#root, [
      iconButton("back", "Back to the rooms", {
        class: "only-phone welcome-back",
        on: { click: () => page.go({ roomId: null }) },
      }),
      icon("chat", { size: "big" }),
      h("h1", { tabindex: "-1", dir: "auto" }, title),
      h("p", { dir: "auto" }, text),
      h(
        "div",
        { class: "welcome-actions" },
        found && h("button", { type: "button", class: "primary", on: { click: () => this.#join() } }, "Join"),
        this.#error &&
          h("button", { type: "button", class: "primary", on: { click: () => this.#loadPreview() } }, "Retry"),
        !this.#isFirst &&
          h(
            "button",
            { type: "button", class: primary(!found && !this.#error), on: { click: () => page.dialog("find-rooms") } },
            "Find rooms",
          ),
        h(
          "button",
          { type: "button", class: primary(this.#isFirst), on: { click: () => page.dialog("new-room") } },
          "New room",
        ),
      ),
    ]);
  }

  #words() {
    const { rooms, user } = this.#page.chat;
    if (this.#error) return { title: "This room could not be read", text: this.#error.message };
    if (this.#preview?.room) {
      const { name, description, memberCount } = this.#preview.room;
      const about = `${description ?? ""} You are not in this room yet. ${plural(memberCount, "member")}.`;
      return { title: name, text: about.trim() };
    }
    if (this.#preview) {
      return { title: "This room is not here", text: "It is private, or it was deleted, or the address is wrong." };
    }
    if (this.#roomId) return { title: "Loading…", text: "" };
    if (rooms.isListed && rooms.all.length === 0) {
      const text = this.#isFirst
        ? "Nobody has made a room yet. Make the first one, and invite the others."
        : "You are in no room yet. Find one to join, or make your own and invite the others.";
      return { title: `Welcome, ${user.displayName}`, text };
    }
    return {
      title: "Choose a room",
      text: "Pick one from the list, find one to join, or make your own and invite the others.",
    };
  }

  /** Find out whether there is any room to join, for a user who is in none. */
  async #lookForRooms() {
    const { chat } = this.#page;
    if (chat.rooms.all.length > 0) return;
    const found = await chat.findRooms().catch(() => null);
    if (!found || this.#isClosed || !chat.rooms || chat.rooms.all.length > 0) return;
    this.#isFirst = found.rooms.length === 0;
    this.#draw();
  }

  /** Load the room that the address names. One failed request says so, and can be tried again. */
  async #loadPreview() {
    this.#error = null;
    this.#draw();
    try {
      this.#preview = { room: await this.#page.chat.api.rooms.get(this.#roomId) };
    } catch (error) {
      if (["room_not_found", "banned", "forbidden", "validation_failed"].includes(error.code))
        this.#preview = { room: null };
      else this.#error = error;
    }
    if (!this.#isClosed) this.#draw();
  }

  async #join() {
    try {
      await this.#page.chat.join(this.#roomId);
    } catch (error) {
      this.#page.failed(error);
    }
  }
}
