/** A person: the profile, what is between the user and them, and what a moderator may do in the shown room. */

import { avatar } from "../../ui/avatar.js";
import { fullLabel } from "../../ui/dates.js";
import { h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { memberMenu } from "./member-menu.js";
import { memberNow } from "./membership.js";
import { openMenu } from "../../ui/menu.js";
import { RoomMutes } from "./room-mutes.js";
import { STATUS_NAMES } from "../status-names.js";

export class ProfilePanel {
  #root;
  #page;
  #userId;
  #user = null;
  #member = null; // of the room that was shown when it was opened
  #roomId;
  #mutes = new RoomMutes();
  #error = null;
  #end;

  /** `id`: of the user. */
  constructor({ root, page, id }) {
    this.#root = root;
    this.#page = page;
    this.#userId = id;
    this.#roomId = page.roomId;
    this.#end = page.store.select(
      (state, store) => ["people", "blocks", "user", `people:${page.roomId}`].map((name) => store.version(name)),
      () => this.#draw(),
    );
    void this.#load();
  }

  close() {
    this.#end();
    this.#end = null;
    patch(this.#root, []);
  }

  #load = async () => {
    const { chat, people } = this.#page;
    const roomState = chat.rooms?.get(this.#roomId);
    this.#error = null;
    try {
      this.#user = await chat.person(this.#userId);
      people.learn(this.#user);
      if (roomState && roomState.room.kind !== "direct") {
        const { id: userId, username } = this.#user;
        this.#member = await memberNow(chat, roomState.room.id, { userId, username });
      }
    } catch (error) {
      this.#error = error;
    }
    if (this.#end) this.#draw();
  };

  #draw() {
    const { chat } = this.#page;
    if (this.#error && !this.#user) {
      const retry = { type: "button", class: "primary", on: { click: this.#load } };
      const gone = this.#error.status === 404;
      const text = gone ? "There is no such person any more." : this.#error.message;
      return patch(
        this.#root,
        h("div", { class: "panel-wait", role: "alert" }, text, !gone && h("button", retry, "Retry")),
      );
    }
    const isMe = this.#userId === chat.user?.id;
    const user = isMe ? chat.user : this.#user;
    if (!user) return patch(this.#root, h("p", { class: "panel-wait", role: "status" }, "Loading…"));
    const status = this.#statusOf(user, isMe);
    patch(
      this.#root,
      h(
        "div",
        { class: "profile", "data-profile": user.id },
        avatar({ ...user, name: user.displayName, url: chat.avatarUrl(user), size: "large" }),
        h("h2", { dir: "auto" }, user.displayName),
        h("p", { class: "hint" }, `@${user.username}`),
        h("p", { class: "profile-status" }, h("span", { class: "dot", "data-status": status }), STATUS_NAMES[status]),
        user.customStatus && h("p", { dir: "auto" }, user.customStatus),
        this.#member && this.#member.role !== "member" && h("p", {}, `${this.#member.role} of this room`),
        h("p", { class: "hint" }, `Here since ${fullLabel(new Date(user.createdAt)).replace(/,[^,]*$/, "")}`),
        h("div", { class: "profile-actions" }, isMe ? this.#ownActions() : this.#actions(user)),
      ),
    );
  }

  #statusOf(user, isMe) {
    if (isMe) return user.status;
    const online = this.#page.chat.presence?.of(this.#roomId)?.online;
    return online?.get(user.id)?.status ?? user.status;
  }

  #ownActions() {
    const page = this.#page;
    return [
      h(
        "button",
        { type: "button", class: "primary", on: { click: () => page.dialog("profile") } },
        "Edit the profile",
      ),
      h("button", { type: "button", on: { click: () => page.dialog("status") } }, "Set a status"),
    ];
  }

  #actions(user) {
    const page = this.#page;
    const { chat } = page;
    const roomState = chat.rooms?.get(this.#roomId);
    const isBlocked = chat.blocks?.has(user.id) ?? false;
    const talk = async () => {
      try {
        page.go({ roomId: (await chat.direct(user.id)).id });
      } catch (error) {
        page.failed(error);
      }
    };
    const member = this.#member && { ...this.#member, name: user.displayName };
    if (roomState) void this.#mutes.load(chat, roomState.room);
    const options = { mutes: this.#mutes, onChanged: this.#load };
    const itemsNow = () => (member && roomState ? memberMenu(member, roomState, page, options) : []);
    const moderate = ({ currentTarget }) =>
      openMenu({ anchor: currentTarget, items: itemsNow(), label: user.displayName });
    return [
      h("button", { type: "button", class: "primary", on: { click: talk } }, icon("chat"), "Send a message"),
      h(
        "button",
        { type: "button", on: { click: () => this.#toggleBlock(user, isBlocked) } },
        isBlocked ? "Unblock" : "Block",
      ),
      itemsNow().length > 0 &&
        h("button", { type: "button", "aria-haspopup": "menu", on: { click: moderate } }, "Moderate…"),
    ];
  }

  async #toggleBlock({ id, displayName }, isBlocked) {
    const { chat } = this.#page;
    const what = "you do not see their messages, and they cannot write to you or invite you. They are not told.";
    try {
      if (isBlocked) return await chat.unblock(id);
      await chat.block(id);
      this.#page.done(`${displayName} is blocked: ${what}`, () => chat.unblock(id));
    } catch (error) {
      this.#page.failed(error);
    }
  }
}
