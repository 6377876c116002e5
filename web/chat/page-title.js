/** The title and the icon of the tab: how much is unread, and which room is shown. Also in a tab that is not seen. */

import { countText } from "../ui/text.js";
import { FaviconBadge } from "../ui/favicon-badge.js";

export class PageTitle {
  #page;
  #badge;
  #appBadge = null; // the number on the app's icon; one that an earlier page set stays until it is set again
  #end;

  constructor({ page }) {
    this.#page = page;
    this.#badge = new FaviconBadge({ link: document.querySelector('link[rel="icon"]') });
    this.#end = page.store.select(
      ({ route }, store) => [route.roomId, store.version("list"), store.version("settings"), store.version("user")],
      (roomId) => this.#draw(roomId),
    );
  }

  close() {
    this.#end();
    document.title = "Chat Rooms";
    this.#badge.show("none");
    this.#setAppBadge(0);
  }

  #draw(roomId) {
    const { chat, settings } = this.#page;
    if (!chat.rooms) return;
    const { unread, mentions } = countOf(chat.rooms.all, settings);
    const state = chat.rooms.get(roomId);
    const name = state ? `${chat.nameOf(state.room)} · ` : "";
    const text = `${unread ? `(${countText(unread)}) ` : ""}${name}Chat Rooms`;
    if (document.title !== text) document.title = text;
    this.#badge.show(mentions > 0 ? "mention" : unread > 0 ? "unread" : "none");
    this.#setAppBadge(mentions);
  }

  /** The number on the icon of an installed app, where the browser has such a thing. */
  #setAppBadge(count) {
    if (count === this.#appBadge) return;
    this.#appBadge = count;
    const { setAppBadge, clearAppBadge } = /** @type {any} */ (navigator);
    const done = count > 0 ? setAppBadge?.call(navigator, count) : clearAppBadge?.call(navigator);
    done?.catch(() => {});
  }
}

/** What is unread in the rooms of which the user wants to be told anything. */
function countOf(states, settings) {
  const heard = states.filter(({ room }) => settings.levelOf(room) !== "none");
  return {
    unread: heard.reduce((sum, state) => sum + settings.unreadCount(state), 0),
    mentions: heard.reduce((sum, state) => sum + (state.room.kind === "direct" ? state.unread : state.mentions), 0),
  };
}
