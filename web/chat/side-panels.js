/**
 * Opens and closes the list of rooms and the list of people. On narrow screens they cover the page; a button, Escape or
 * a click beside them closes them.
 */

import { byId } from "../ui/dom.js";

const PHONE = matchMedia("(max-width: 759px)");
const NARROW = matchMedia("(max-width: 1099px)");

export class SidePanels {
  #frame = byId("chat");

  constructor() {
    byId("open-sidebar").addEventListener("click", () => this.#set("sidebar", true));
    byId("close-sidebar").addEventListener("click", () => this.#set("sidebar", false));
    byId("toggle-people").addEventListener("click", () => this.#set("people", this.#frame.dataset.people !== "open"));
    byId("close-people").addEventListener("click", () => this.#set("people", false));
    byId("scrim").addEventListener("click", () => this.closeOverlays());
    this.#frame.addEventListener("keydown", ({ key }) => key === "Escape" && this.closeOverlays());
    PHONE.addEventListener("change", () => this.closeOverlays());
    NARROW.addEventListener("change", () => this.closeOverlays());
    if (!NARROW.matches) this.#frame.dataset.people = "open";
    this.#apply();
  }

  /** Close the panels that cover the page; on a wide screen there are none. */
  closeOverlays() {
    if (PHONE.matches && this.#frame.dataset.sidebar === "open") this.#set("sidebar", false);
    if (NARROW.matches && this.#frame.dataset.people === "open") this.#set("people", false);
    this.#apply();
  }

  openSidebarOnPhone() {
    if (PHONE.matches) this.#set("sidebar", true);
  }

  #set(panel, isOpen) {
    const node = byId(panel);
    const button = byId(panel === "sidebar" ? "open-sidebar" : "toggle-people");
    const hadFocus = node.contains(document.activeElement);
    this.#frame.dataset[panel] = isOpen ? "open" : "closed";
    this.#apply();
    if (isOpen && this.#isOverlay(panel)) byId(`close-${panel}`).focus();
    else if (!isOpen && hadFocus) button.focus();
  }

  #isOverlay(panel) {
    return panel === "sidebar" ? PHONE.matches : NARROW.matches;
  }

  #apply() {
    const { sidebar, people } = this.#frame.dataset;
    const sidebarOver = PHONE.matches && sidebar === "open";
    const peopleOver = NARROW.matches && people === "open";
    byId("sidebar").inert = (PHONE.matches && !sidebarOver) || peopleOver;
    byId("people").inert = people !== "open" || sidebarOver;
    byId("main").inert = sidebarOver || peopleOver;
    byId("scrim").hidden = !(sidebarOver || peopleOver);
    byId("open-sidebar").setAttribute("aria-expanded", String(sidebarOver));
    byId("toggle-people").setAttribute("aria-expanded", String(people === "open"));
  }
}
