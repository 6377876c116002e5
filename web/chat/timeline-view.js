/**
 * The messages of the shown room. Elements are reused by key, the scroll position stays when history is inserted above,
 * and messages are marked as read when they are visible.
 */

import { byId, el, setText } from "../ui/dom.js";
import { drawMessage, renderKey } from "./message-view.js";
import { dayLabel, plural } from "../ui/text.js";
import { timelineItems } from "./timeline-items.js";

const NEAR_BOTTOM_PX = 48;
const NEAR_TOP_PX = 300;

export class TimelineView {
  #scroller = byId("scroller");
  #log = byId("messages");
  #nodes = new Map(); // item key → {node, key}; `key` is the message's renderKey
  #roomId = null;
  #newFrom = null; // the first unread seq when the room was shown
  #follows = true; // whether the view stays at the newest message
  #isRenderScheduled = false;
  #loading = false;

  constructor({ chat, page, people }) {
    this.chat = chat;
    this.page = page;
    this.people = people;
    this.actions = {
      person: (userId) => page.showPerson(userId),
      retry: (clientId) => chat.retry(clientId),
      discard: (clientId) => chat.discard(clientId),
      edit: (clientId) => this.#edit(clientId),
    };
    const renderIfShown = ({ detail }) => detail.roomId === page.roomId && this.#scheduleRender();
    chat.addEventListener("messages", renderIfShown);
    chat.addEventListener("outbox", renderIfShown);
    chat.addEventListener("list", () => this.#scheduleRender());
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    byId("load-older").addEventListener("click", () => this.#loadMore("older"));
    byId("jump").addEventListener("click", () => {
      this.toLatest();
      this.#scroller.focus();
    });
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(this.#scroller);
  }

  get #state() {
    return this.chat.rooms?.get(this.page.roomId) ?? null;
  }

  /** Called when the page shows another room. */
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

  /** The ids of the people who can be mentioned: authors of loaded messages, and the list of people. */
  idsByName() {
    const written =
      this.#state?.timeline.messages.map(({ username, userId }) => [username.toLowerCase(), userId]) ?? [];
    return new Map([...written, ...this.people.idsByName()]);
  }

  toLatest() {
    this.#follows = true;
    this.#newFrom = null;
    if (this.#state?.timeline.isDetached) void this.#loadMore("latest");
    this.#scheduleRender();
  }

  /** Mark the room as read if the page is visible and shows the newest message. */
  markSeen() {
    const state = this.#state;
    if (!state?.isLoaded || state.unread === 0) return;
    const isSeen = document.visibilityState === "visible" && this.#follows && !state.timeline.isDetached;
    if (isSeen) this.chat.read(this.#roomId, state.timeline.head);
    else this.#newFrom ??= (state.room.readSeq ?? 0) + 1;
  }

  // ---- rendering ----------------------------------------------------------------------------------------------------

  #scheduleRender() {
    if (this.#isRenderScheduled) return;
    this.#isRenderScheduled = true;
    requestAnimationFrame(() => {
      this.#isRenderScheduled = false;
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
    const items = timelineItems(messages, unsent, { me: this.chat.user, newFrom: this.#newFrom });
    const anchor = this.#follows ? null : this.#anchor();
    this.#log.setAttribute("aria-live", this.#isLive(items) ? "polite" : "off");
    this.#draw(items);
    this.#drawEnds(state, messages);
    if (anchor) this.#scroller.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    else this.#toEnd();
    this.markSeen();
    this.#drawJump(state);
    if (state.isLoaded && this.#scroller.scrollHeight <= this.#scroller.clientHeight && timeline.hasOlder)
      void this.#loadMore("older");
  }

  /** Screen readers announce up to five new messages at the end, not loaded history. */
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
    const key = item.kind === "message" ? renderKey(item) : "";
    const shown = this.#nodes.get(item.key);
    if (shown?.key === key) return shown.node;
    const node = RENDERERS[item.kind](item, context);
    this.#nodes.set(item.key, { node, key });
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

  // ---- scrolling ----------------------------------------------------------------------------------------------------

  /** The first visible message and its position. */
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

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    const state = this.#state;
    if (!state) return;
    if (scrollTop < NEAR_TOP_PX && state.timeline.hasOlder) void this.#loadMore("older");
    if (this.#follows && state.timeline.isDetached) void this.#loadMore("newer");
    this.markSeen();
    this.#drawJump(state);
  }

  async #loadMore(direction) {
    if (this.#loading || !this.#state?.isLoaded) return;
    const roomId = this.#roomId;
    this.#loading = true;
    if (direction === "newer") this.#follows = false; // new messages are added below; the scroll position stays
    setText(byId("load-older"), "Loading…");
    try {
      await this.chat.rooms.loadMore(roomId, direction);
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
    this.page.editUnsent(entry.content);
  }
}

const RENDERERS = {
  day: ({ date }) =>
    el(
      "div",
      { class: "day", role: "separator", "aria-label": dayLabel(date, new Date()) },
      el("span", {}, dayLabel(date, new Date())),
    ),
  new: () => el("div", { class: "new-line", role: "separator", "aria-label": "New messages" }, el("span", {}, "New")),
  message: drawMessage,
};
