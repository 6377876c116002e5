/**
 * The frame of the page while somebody is logged in: the sidebar, the room in the middle and the panel on the right.
 * On a phone each of them is a screen, which the address names: Back leads from the panel to the room to the list.
 */

import { h, patch } from "../ui/view.js";
import { ConnectionBanner } from "./connection-banner.js";
import { NARROW } from "../ui/narrow.js";
import { PageTitle } from "./page-title.js";
import { RightPanel } from "./panels/right-panel.js";
import { RoomView } from "./room/room-view.js";
import { Shortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar/sidebar.js";

/** Here, and not where they are made: so what they share with the views is not loaded twice. */
export const loadNotifications = () => import("./notifications.js");

export class Shell {
  #root;
  #page;
  #parts = [];
  #end;
  #closing = new AbortController();

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    const part = (Part) => (node) => this.#parts.push(new Part({ root: node, page }));
    patch(root, [
      h(
        "header",
        {},
        h("a", { class: "skip", href: "#", on: { click: (event) => this.#skip(event) } }, "Skip to the message box"),
      ),
      h(
        "div",
        { class: "shell" },
        h("div", { class: "sidebar", "aria-label": "Rooms", foreign: true, ref: part(Sidebar) }),
        h("main", { class: "room", foreign: true, ref: part(RoomView) }),
        h("div", { class: "connection-banner", foreign: true, ref: part(ConnectionBanner) }),
        h("div", { class: "panel", "aria-label": "Panel", foreign: true, hidden: true, ref: part(RightPanel) }),
      ),
    ]);
    this.#parts.push(new Shortcuts({ page }), new PageTitle({ page }));
    this.#end = page.store.select(
      ({ route }) => [route],
      (route) => this.#arrange(route),
    );
    NARROW.addEventListener("change", () => this.#arrange(page.route), { signal: this.#closing.signal });
  }

  close() {
    this.#end();
    this.#closing.abort();
    for (const part of this.#parts) part.close();
    patch(this.#root, []);
  }

  #arrange({ roomId, panel }) {
    const { dataset } = document.documentElement;
    dataset.screen = panel ? "panel" : roomId ? "room" : "rooms";
    if (panel) dataset.panel = panel;
    else delete dataset.panel;
    this.#setRoles(dataset.screen);
  }

  /** What fills a phone's screen is its main part, to screen readers, too. */
  #setRoles(screen) {
    const mainPart = NARROW.matches ? screen : "room";
    const roles = { rooms: [".sidebar", "navigation"], panel: [".panel", "complementary"] };
    for (const [name, [selector, role]] of Object.entries(roles)) {
      this.#root.querySelector(selector).setAttribute("role", name === mainPart ? "main" : role);
    }
  }

  #skip(event) {
    event.preventDefault();
    this.#page.composer?.focus();
  }
}
