/** The head of the shown room: its name and topic, search, people, and a menu of all that can be done. */

import { h, patch } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { MemberCount } from "./member-count.js";
import { openMenu } from "../../ui/menu.js";
import { peerStatus } from "../room-peer.js";
import { plural } from "../../ui/text.js";
import { roomMenu } from "../sidebar/room-menu.js";
import { STATUS_NAMES } from "../status-names.js";

export class RoomHeader {
  #root;
  #page;
  #roomId;
  #members;
  #end;

  constructor({ root, page, roomId }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = roomId;
    this.#members = new MemberCount({ page, roomId });
    this.#end = page.store.select(
      ({ route }, store) => [
        route.panel,
        store.version("list"),
        store.version("settings"),
        store.version(`people:${roomId}`),
      ],
      (panel) => this.#draw(panel),
    );
  }

  close() {
    this.#end();
    this.#members.close();
  }

  #draw(panel) {
    const page = this.#page;
    const room = page.chat.rooms?.get(this.#roomId)?.room;
    if (!room) return;
    if (room.kind !== "direct") this.#members.look();
    const toggle = (name) => () => page.openPanel(panel === name ? null : name);
    const pressed = (name) => ({ "aria-pressed": String(panel === name), on: { click: toggle(name) } });
    const online = page.chat.presence?.of(room.id)?.onlineCount ?? 0;
    patch(this.#root, [
      iconButton("back", "Back to the rooms", { class: "only-phone", on: { click: () => page.go({ roomId: null }) } }),
      h(
        "div",
        { class: "room-title" },
        h("h1", { tabindex: "-1" }, this.#symbol(room), h("span", { dir: "auto" }, page.chat.nameOf(room))),
        h("p", { dir: "auto" }, this.#about(room, online)),
      ),
      iconButton("search", "Search", pressed("search")),
      h(
        "button",
        { type: "button", class: "people-button", "aria-label": `People, ${online} online`, ...pressed("people") },
        icon("people"),
        h("span", { "data-online-count": true }, online.toLocaleString()),
      ),
      iconButton("more", "More", { "aria-haspopup": "menu", on: { click: (event) => this.#openMenu(event) } }),
    ]);
  }

  #symbol(room) {
    if (room.kind === "direct") return null;
    return icon(room.isPrivate ? "lock" : "hash", { size: "small" });
  }

  #about(room, online) {
    if (room.kind !== "direct") {
      const archived = room.archivedAt ? "Archived" : "";
      const members = Math.max(room.memberCount, online); // who is online is told at once
      return [archived, plural(members, "member"), room.description].filter(Boolean).join(" · ");
    }
    const { peer } = room;
    const status = STATUS_NAMES[peerStatus(room, this.#page.chat)];
    return [peer && `@${peer.username}`, status, peer?.customStatus].filter(Boolean).join(" · ");
  }

  #openMenu({ currentTarget }) {
    const state = this.#page.chat.rooms.get(this.#roomId);
    const items = [
      { label: "Files", icon: "file", run: () => this.#page.openPanel("files") },
      null,
      ...roomMenu(state, this.#page),
    ];
    openMenu({ anchor: currentTarget, items, label: this.#page.chat.nameOf(state.room) });
  }
}
