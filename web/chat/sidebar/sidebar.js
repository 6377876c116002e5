/** The left side of the page: where to go (unread, mentions, rooms, people), and the user's own line. */

import { DirectPreviews } from "./direct-previews.js";
import { h, patch } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { ownLine } from "./own-line.js";
import { roomMenu } from "./room-menu.js";
import { roomRow, roomsOfFailed } from "./room-row.js";
import { RovingFocus } from "../../ui/roving-focus.js";
import { openMenu } from "../../ui/menu.js";
import { countText } from "../../ui/text.js";
import { shownOf, sidebarSections } from "./sidebar-sections.js";

export class Sidebar {
  #root;
  #page;
  #focus;
  #previews;
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#previews = new DirectPreviews({ page });
    this.#focus = new RovingFocus({ root });
    this.#end = page.store.select(
      ({ route }, store) => [
        [route.roomId, route.panel].join(" "),
        roomsOfFailed(page.chat).join(" "), // and not each change of the outbox, which every message makes four times
        ...["list", "user", "connection", "settings", "people", "previews"].map((name) => store.version(name)),
      ],
      () => this.#draw(),
    );
    root.addEventListener("contextmenu", (event) => this.#onContextMenu(event));
  }

  close() {
    this.#end();
    this.#previews.close();
  }

  #draw() {
    const page = this.#page;
    const { rooms } = page.chat;
    if (!rooms) return;
    const sections = sidebarSections(rooms.all, {
      stars: page.settings.stars,
      nameOf: (room) => page.chat.nameOf(room),
    });
    const unread = rooms.all.reduce((sum, state) => sum + page.settings.unreadCount(state), 0);
    this.#previews.want(sections.direct.map(({ room }) => room.id));
    patch(this.#root, [
      h("h1", { class: "sr-only only-phone" }, "Rooms"),
      h(
        "div",
        { class: "sidebar-head" },
        h(
          "button",
          { type: "button", class: "switcher", on: { click: () => page.dialog("switcher") } },
          icon("search"),
          h("span", {}, "Jump to…"),
          h("kbd", { class: "only-wide" }, "Ctrl K"),
        ),
      ),
      h(
        "div",
        { class: "sidebar-scroll" },
        h(
          "ul",
          { class: "rooms" },
          this.#entry("unread", "Unread", "inbox", unread),
          this.#entry("mentions", "Mentions", "at", rooms.totals.mentions),
        ),
        sections.starred.length > 0 && this.#section("starred", "Starred", sections.starred),
        this.#section("rooms", "Rooms", sections.rooms, {
          add: ["Add a room", (event) => this.#openAddMenu(event.currentTarget)],
          empty: "No rooms yet. Find one to join, or make your own.",
        }),
        this.#section("direct", "Direct messages", sections.direct, {
          add: ["New direct message", () => page.dialog("find-person")],
          empty: "Talk to one person: choose + or click a name.",
        }),
      ),
      ownLine(page),
    ]);
    this.#focus.refresh();
  }

  /** A line that opens a panel. */
  #entry(panel, label, symbol, count) {
    const { route } = this.#page;
    const open = () => this.#page.openPanel(route.panel === panel ? null : panel);
    const current = route.panel === panel ? "true" : null;
    const attributes = { type: "button", class: "room-button", "data-rove": panel, "data-entry": panel };
    return h(
      "li",
      { key: panel },
      h(
        "button",
        { ...attributes, "aria-current": current, on: { click: open } },
        icon(symbol),
        h("span", { class: "label" }, label),
        count > 0 &&
          h("span", { class: panel === "mentions" ? "badge badge-mention" : "badge badge-quiet" }, countText(count)),
      ),
    );
  }

  #section(name, title, states, { add = null, empty = null } = {}) {
    const page = this.#page;
    const isCollapsed = page.settings.isCollapsed(name);
    const isUnread = (state) => page.settings.isUnread(state);
    const shown = shownOf(states, { isCollapsed, roomId: page.roomId, isUnread });
    const toggle = () => page.settings.toggleCollapsed(name).catch((error) => page.failed(error));
    const heading = {
      type: "button",
      class: "section-toggle",
      "aria-expanded": String(!isCollapsed),
      on: { click: toggle },
    };
    const isEmpty = empty && states.length === 0 && page.chat.rooms.isListed;
    return h(
      "section",
      { key: name, class: "sidebar-section", "data-section": name, "aria-label": title },
      h(
        "div",
        { class: "section-head" },
        h("h2", {}, h("button", { ...heading, "data-rove": `section ${name}` }, icon("chevron"), title)),
        add && iconButton("plus", add[0], { class: "small", "data-rove": `add ${name}`, on: { click: add[1] } }),
      ),
      h(
        "ul",
        { class: "rooms" },
        shown.map((state) => roomRow(state, page)),
      ),
      isEmpty && h("p", { class: "empty" }, empty),
    );
  }

  #openAddMenu(anchor) {
    const items = [
      { label: "Find rooms", icon: "search", run: () => this.#page.dialog("find-rooms") },
      { label: "New room", icon: "plus", run: () => this.#page.dialog("new-room") },
    ];
    openMenu({ anchor, items, label: "Add a room" });
  }

  #onContextMenu(event) {
    const button = event.target.closest("[data-room-id]");
    const state = button && this.#page.chat.rooms?.get(button.dataset.roomId);
    if (!state) return;
    event.preventDefault();
    const { clientX: x, clientY: y } = event;
    const label = this.#page.chat.nameOf(state.room);
    openMenu({ anchor: button, at: x || y ? { x, y } : null, items: roomMenu(state, this.#page), label });
  }
}
