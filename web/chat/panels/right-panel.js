/** The panel on the right: shows the panel that the address names, each loaded when it is first wanted. */

import { h, patch } from "../../ui/view.js";
import { iconButton } from "../../ui/icons.js";
import { NARROW } from "../../ui/narrow.js";

/** Panel → what it is headed with, and the promise of its class: `constructor({root, page, id})`, `close()`. */
const PANELS = {
  profile: { title: "Profile", load: async () => (await import("./profile-panel.js")).ProfilePanel },
  thread: { title: "Thread", load: async () => (await import("./thread-panel.js")).ThreadPanel },
  search: { title: "Search", load: async () => (await import("./search-panel.js")).SearchPanel },
  files: { title: "Files", load: async () => (await import("./files-panel.js")).FilesPanel },
  reports: { title: "Reports", load: async () => (await import("./reports-panel.js")).ReportsPanel },
  audit: { title: "Audit trail", load: async () => (await import("./audit-panel.js")).AuditPanel },
  unread: { title: "Unread", load: async () => (await import("./unread-panel.js")).UnreadPanel },
  mentions: { title: "Mentions", load: async () => (await import("./mentions-panel.js")).MentionsPanel },
  people: { title: "People", load: async () => (await import("./people-panel.js")).PeoplePanel },
};

/** Panels that stay as they are when another room is shown. */
const OF_ALL_ROOMS = new Set(["unread", "mentions", "profile", "search"]);
/** Panels that follow in the address what they are about: the others are made anew. */
const FOLLOWING = new Set(["search"]);

export class RightPanel {
  #root;
  #page;
  #panel = null; // the shown panel's component
  #shown = ""; // which panel that is, with what it is about
  #opener = null; // what had the focus before
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      ({ route: { roomId, panel, id } }) => [roomId, panel, id],
      (roomId, panel, id) => this.#show(roomId, panel, id),
    );
  }

  close() {
    this.#end();
    this.#shown = ""; // what is still being loaded is not shown any more
    this.#closePanel();
  }

  #closePanel() {
    this.#panel?.close();
    this.#panel = null;
  }

  #show(roomId, name, id) {
    const isOfRoom = !OF_ALL_ROOMS.has(name);
    const shown = JSON.stringify([isOfRoom && roomId, name, !FOLLOWING.has(name) && id]);
    if (shown === this.#shown) return;
    const isByUser = this.#shown !== ""; // and not what the page began with
    const hadFocus = this.#hasFocus;
    this.#shown = shown;
    this.#closePanel();
    const panel = PANELS[name] ?? null;
    this.#root.hidden = panel === null;
    this.#root.dataset.panelName = name ?? "";
    if (panel && !hadFocus) this.#opener = document.activeElement;
    if (!panel && !hadFocus) this.#opener = null;
    // Afterwards, since on a phone what is shown follows in the same frame.
    if (isByUser && panel) queueMicrotask(() => this.#root.querySelector("h2")?.focus());
    else if (hadFocus) queueMicrotask(() => this.#giveFocusBack());
    if (!panel) return patch(this.#root, []);
    this.#draw(panel, h("p", { class: "panel-wait", role: "status" }, "Loading…"));
    void this.#mount(panel, { shown, id });
  }

  get #hasFocus() {
    return this.#root.contains(document.activeElement);
  }

  /** To what had it before the panel, or to the message that this was in, or else to the message field. */
  #giveFocusBack() {
    if (document.activeElement !== document.body && !this.#hasFocus) return; // it is in another room already
    const opener = this.#opener;
    this.#opener = null;
    for (const place of [opener, opener?.closest("article")]) {
      place?.focus();
      if (place && place === document.activeElement && place !== document.body) return;
    }
    if (!NARROW.matches) this.#page.composer?.focus();
  }

  async #mount(panel, { shown, id }) {
    try {
      const Panel = await panel.load();
      if (shown !== this.#shown) return;
      const ref = (root) => {
        this.#panel = new Panel({ root, page: this.#page, id });
      };
      this.#draw(panel, h("div", { key: shown, class: "panel-body", foreign: true, ref }));
    } catch (error) {
      if (shown !== this.#shown) return;
      const retry = { type: "button", class: "primary", on: { click: () => this.#mount(panel, { shown, id }) } };
      const text = `This could not be loaded. ${error.message}`;
      this.#draw(panel, h("div", { class: "panel-wait", role: "alert" }, text, h("button", retry, "Retry")));
    }
  }

  #draw(panel, content) {
    patch(this.#root, [
      h(
        "div",
        { class: "panel-head" },
        iconButton("back", "Back", { class: "only-phone", on: { click: () => this.#page.openPanel(null) } }),
        h("h2", { tabindex: "-1", "aria-level": "1" }, panel.title),
        iconButton("close", "Close the panel", { class: "only-wide", on: { click: () => this.#page.openPanel(null) } }),
      ),
      content,
    ]);
  }
}
