/**
 * The messages of the room that is shown: drawn by key, kept in place while history comes in above, read when they are
 * seen.
 */

import { byId, el, setText } from "../ui/dom.js";
import { drawMessage, lookOf } from "./message-view.js";
import { dayLabel, plural } from "../ui/text.js";
import { arrange } from "./timeline-items.js";

const NEAR_BOTTOM_PX = 48;
const NEAR_TOP_PX = 300;

export class TimelineView {
  onEdit = () => {};

  #scroller = byId("scroller");
  #log = byId("messages");
  #nodes = new Map(); // key → {node, look}
  #roomId = null;
  #newFrom = null; // the first seq that was unread when one looked
  #follows = true; // whether one stands at the end, and stays there
  #planned = false;
  #loading = false;

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    this.actions = {
      person: (userId) => page.showPerson(userId),
      retry: (clientId) => chat.retry(clientId),
      discard: (clientId) => chat.discard(clientId),
      edit: (clientId) => this.#edit(clientId),
    };
    const ofThisRoom = ({ detail }) => detail.roomId === page.roomId && this.#plan();
    chat.addEventListener("messages", ofThisRoom);
    chat.addEventListener("outbox", ofThisRoom);
    chat.addEventListener("list", () => this.#plan());
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    byId("load-older").addEventListener("click", () => this.#more("older"));
    byId("jump").addEventListener("click", () => {
      this.toLatest();
      this.#scroller.focus();
    });
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(this.#scroller);
  }

  get #state() {
    return this.chat.rooms?.get(this.page.roomId) ?? null;
  }

  /** The page shows another room. */
  show() {
    if (this.page.roomId !== this.#roomId) {
      this.#roomId = this.page.roomId;
      this.#newFrom = null;
      this.#follows = true;
    }
    this.#nodes.clear();
    this.#log.replaceChildren();
    this.#render();
  }

  /** Ids of those who can be mentioned: who wrote what is held, and the others by the list of people. */
  idsByName() {
    const written =
      this.#state?.timeline.messages.map(({ username, userId }) => [username.toLowerCase(), userId]) ?? [];
    return new Map([...written, ...this.moreNames()]);
  }

  moreNames = () => [];

  toLatest() {
    this.#follows = true;
    this.#newFrom = null;
    if (this.#state?.timeline.isDetached) void this.#more("latest");
    this.#plan();
  }

  /** The page is looked at: the newest message, if in view, is read. */
  seen() {
    const state = this.#state;
    if (!state?.isLoaded || state.unread === 0) return;
    const isSeen = document.visibilityState === "visible" && this.#follows && !state.timeline.isDetached;
    if (isSeen) this.chat.read(this.#roomId, state.timeline.head);
    else this.#newFrom ??= (state.room.readSeq ?? 0) + 1;
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      if (this.#roomId === this.page.roomId) this.#render();
    });
  }

  #render() {
    const state = this.#state;
    if (!state) return;
    if (state.isLoaded && this.#nodes.size === 0 && state.unread > 0) this.#newFrom ??= (state.room.readSeq ?? 0) + 1;
    const { timeline } = state;
    const messages = state.isLoaded ? timeline.messages : [];
    const unsent = timeline.isDetached ? [] : this.chat.unsent(this.#roomId);
    const items = arrange(messages, unsent, { me: this.chat.user, newFrom: this.#newFrom });
    const anchor = this.#follows ? null : this.#anchor();
    this.#log.setAttribute("aria-live", this.#isLive(items) ? "polite" : "off");
    this.#draw(items);
    this.#drawEnds(state, messages);
    if (anchor) this.#scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    else this.#toEnd();
    this.seen();
    this.#drawJump(state);
    if (state.isLoaded && this.#scroller.scrollHeight <= this.#scroller.clientHeight && timeline.hasOlder)
      void this.#more("older");
  }

  /** Only what comes at the end, a few at a time, is worth being read out. */
  #isLive(items) {
    const fresh = items.filter(({ key }) => !this.#nodes.has(key)).length;
    return this.#nodes.size > 0 && fresh <= 5 && !this.#loading;
  }

  #draw(items) {
    const context = { me: this.chat.user, actions: this.actions, now: Date.now() };
    const kept = new Set();
    let place = this.#log.firstChild;
    for (const item of items) {
      const old = this.#nodes.get(item.key)?.node;
      const node = this.#nodeFor(item, context);
      kept.add(item.key);
      if (old && old !== node) {
        const hadFocus = old.contains(document.activeElement);
        if (old === place) place = node;
        old.replaceWith(node);
        if (hadFocus) this.page.focusComposer();
      }
      if (node === place) place = place.nextSibling;
      else this.#log.insertBefore(node, place);
    }
    for (const [key, { node }] of this.#nodes) {
      if (kept.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
    }
  }

  #nodeFor(item, context) {
    const look = item.kind === "message" ? lookOf(item) : "";
    const known = this.#nodes.get(item.key);
    if (known?.look === look) return known.node;
    const node = DRAW[item.kind](item, context);
    this.#nodes.set(item.key, { node, look });
    return node;
  }

  #drawEnds({ timeline, isLoaded, room }, messages) {
    const hasOlder = isLoaded && timeline.hasOlder;
    byId("load-older").hidden = !hasOlder;
    setText(byId("load-older"), this.#loading ? "Loading…" : "Load earlier messages");
    byId("room-start").hidden = !isLoaded || hasOlder;
    const name = this.chat.nameOf(room);
    const empty =
      room.kind === "direct"
        ? `This is between you and ${name}. Say hello.`
        : "Nothing was written here yet. Write the first message, or invite somebody.";
    setText(byId("room-start"), messages.length === 0 ? empty : `This is where ${name} began.`);
    this.#log.setAttribute("aria-busy", String(!isLoaded));
  }

  #drawJump({ unread, timeline }) {
    byId("jump").hidden = this.#follows && !timeline.isDetached;
    setText(byId("jump-text"), unread > 0 ? plural(unread, "new message") : "Jump to latest");
  }

  // ---- place --------------------------------------------------------------------------------------------------------

  /** The first message in view, and where it stands. */
  #anchor() {
    const top = this.#scroller.getBoundingClientRect().top;
    for (const node of this.#log.querySelectorAll("[data-seq]")) {
      const box = node.getBoundingClientRect();
      if (box.bottom > top) return { node, top: box.top };
    }
    return null;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    const state = this.#state;
    if (!state) return;
    if (scrollTop < NEAR_TOP_PX && state.timeline.hasOlder) void this.#more("older");
    if (this.#follows && state.timeline.isDetached) void this.#more("newer");
    this.seen();
    this.#drawJump(state);
  }

  async #more(which) {
    if (this.#loading || !this.#state?.isLoaded) return;
    const roomId = this.#roomId;
    this.#loading = true;
    if (which === "newer") this.#follows = false; // what comes is below, and one stays where one is
    setText(byId("load-older"), "Loading…");
    try {
      await this.chat.rooms.more(roomId, which);
    } catch (error) {
      this.page.toast(error.message);
    } finally {
      if (this.#roomId === roomId) this.#render();
      this.#loading = false;
      setText(byId("load-older"), "Load earlier messages");
    }
  }

  #edit(clientId) {
    const entry = this.chat.unsent(this.#roomId).find((one) => one.clientId === clientId);
    if (!entry) return;
    this.chat.discard(clientId);
    this.onEdit(entry.content);
  }
}

const DRAW = {
  day: ({ date }) =>
    el(
      "div",
      { class: "day", role: "separator", "aria-label": dayLabel(date, new Date()) },
      el("span", {}, dayLabel(date, new Date())),
    ),
  new: () => el("div", { class: "new-line", role: "separator", "aria-label": "New messages" }, el("span", {}, "New")),
  message: drawMessage,
};
