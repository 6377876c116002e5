/** The middle of the page: the room's header, its timeline and message field; or a welcome while no room is shown. */

import { h, patch } from "../../ui/view.js";
import { Composer } from "../composer/composer.js";
import { NARROW } from "../../ui/narrow.js";
import { RoomHeader } from "./room-header.js";
import { Timeline } from "../timeline/timeline.js";
import { Welcome } from "./welcome.js";

export class RoomView {
  #root;
  #page;
  #parts = [];
  #shown = ""; // what is mounted: "room ID" or "welcome ID"
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#end = page.store.select(
      ({ route: { roomId } }, store) => [roomId, store.version("list")],
      (roomId) => this.#show(roomId),
    );
  }

  close() {
    this.#end();
    this.#closeParts();
  }

  #closeParts() {
    for (const part of this.#parts) part.close();
    this.#parts = [];
  }

  #show(roomId) {
    const { chat } = this.#page;
    const isMember = Boolean(chat.rooms?.get(roomId));
    const isWaiting = roomId !== null && !isMember && !chat.rooms?.isListed;
    const shown = isWaiting ? `wait ${roomId}` : isMember ? `room ${roomId}` : `welcome ${roomId}`;
    if (shown === this.#shown) return;
    const isChange = this.#shown !== "" && !this.#shown.startsWith("wait");
    this.#shown = shown;
    this.#closeParts();
    patch(this.#root, []); // the parts end before their elements go
    if (isWaiting) patch(this.#root, h("p", { class: "room-wait", role: "status" }, "Loading…"));
    else if (isMember) this.#showRoom(roomId);
    else this.#mount([["div", "welcome", Welcome, { roomId }]]);
    if (isChange) queueMicrotask(() => this.#takeFocus()); // when the frame shows on a phone what the address names
  }

  #showRoom(roomId) {
    const page = this.#page;
    this.#mount([
      ["header", "room-head", RoomHeader, { roomId }],
      ["section", "timeline", Timeline, { roomId, label: "Messages" }],
      ["div", "composer", Composer, { roomId }],
    ]);
    const around = page.route.at ?? "unread";
    page.chat.open(roomId, { around }).catch(() => {}); // the timeline says it
  }

  /** Whoever went to another room goes on in it; on a phone not in the field, which would bring up the keyboard. */
  #takeFocus() {
    const page = this.#page;
    const isElsewhere = document.activeElement?.closest(page.route.panel ? "dialog[open], .panel" : "dialog[open]");
    if (isElsewhere) return;
    if (!NARROW.matches) page.composer?.focus();
    if (!this.#root.contains(document.activeElement)) this.#root.querySelector("h1")?.focus();
  }

  /** Mount components, in order: `[tag, class, Component, options]`. */
  #mount(parts) {
    const mounted = parts.map(([tag, className, Part, options]) => {
      const ref = (root) => this.#parts.push(new Part({ root, page: this.#page, ...options }));
      return h(tag, { key: this.#shown + className, class: className, foreign: true, ref });
    });
    patch(this.#root, mounted);
  }
}
