/**
 * The messages of the shown room: opens at the first unread one, stays where it is read, loads more at its ends, and
 * marks as read what was on the screen.
 */

import { Announcer } from "./announcer.js";
import { h, patch } from "../../ui/view.js";
import { icon } from "../../ui/icons.js";
import { MessageActions } from "../message/message-actions.js";
import { MessageEditing } from "../message/message-editing.js";
import { msUntilMidnight } from "../../ui/dates.js";
import { RoomItems } from "./room-items.js";
import { rowOf, seqsOf } from "./timeline-rows.js";
import { jumpLabel, timelineFoot, timelineHead, unreadBar } from "./timeline-notes.js";
import { TimelineKeys } from "./timeline-keys.js";
import { TimelineLoads } from "./timeline-loads.js";
import { UnreadMarks } from "./unread-marks.js";
import { WindowList } from "../../ui/window-list.js";

const TICK_MS = 1000; // while a message waits for the server's limit

export class Timeline {
  #page;
  #roomId;
  #list;
  #items;
  #actions;
  #announcer;
  #keys;
  #marks;
  #editing;
  #loads;
  #shownItems = [];
  #isOpening = false; // until the first new message is shown
  #places = {}; // elements: bar, jump, scroller
  #placed = null; // the route whose message was gone to
  #ends = [];
  #tick = null;
  #midnight = null;
  #closing = new AbortController();

  constructor({ root, page, roomId }) {
    this.#page = page;
    this.#roomId = roomId;
    this.#actions = new MessageActions({ page, owner: this });
    this.#items = new RoomItems({ page, roomId });
    this.#marks = new UnreadMarks({ page, roomId });
    const draw = () => page.store.bump("timeline");
    const focus = (message) => (message && this.#list.focusRow(`seq ${message.seq}`)) || page.composer?.focus();
    this.#editing = new MessageEditing({ page, draw, focus });
    this.#loads = new TimelineLoads({ page, roomId, draw, signal: this.#closing.signal });
    const place = (name) => ({ foreign: true, ref: (node) => (this.#places[name] = node) });
    patch(root, [
      h("div", { class: "unread-bar", ...place("bar") }),
      h("div", {
        ...{ class: "timeline-scroll", tabindex: "0", role: "region", "data-timeline": true, "aria-busy": "true" },
        ...place("scroller"),
      }),
      h("div", { class: "timeline-jump", ...place("jump") }),
      h("div", place("announcer")),
    ]);
    this.#announcer = new Announcer({ root: this.#places.announcer });
    const editor = (message) => this.#editing.editor(message);
    const showHidden = (messages) => this.#items.showHidden(messages);
    const context = { page, me: page.chat.user, actions: this.#actions, editor, showHidden };
    this.#list = new WindowList({
      root: this.#places.scroller,
      render: (item) => rowOf(item, context),
      onRange: () => this.#onRange(),
      onEnds: (end) => this.#onEnd(end),
    });
    const versions = ["messages", "outbox", "people", "settings", "blocks", "list", "timeline"];
    this.#ends = [
      page.attachTimeline(this),
      page.store.select(
        ({ route }, store) => [
          route,
          ...versions.flatMap((name) => [store.version(name), store.version(`${name}:${roomId}`)]),
        ],
        () => this.#draw(),
      ),
    ];
    this.#listen();
    this.#awaitMidnight();
  }

  close() {
    for (const end of this.#ends) end();
    this.#closing.abort();
    clearTimeout(this.#midnight);
    clearTimeout(this.#tick);
    for (const part of [this.#announcer, this.#editing, this.#list]) part.close();
  }

  // ---- for others ---------------------------------------------------------------------------------------------------

  /** Give the focus to the last message on the screen; false if there is none. */
  focus() {
    return this.#keys.focus();
  }

  /** Go to the newest message. */
  toLatest() {
    if (this.#state?.timeline.isDetached) void this.#loads.load("latest").then(() => this.#list.toEnd());
    else this.#list.toEnd();
  }

  /** Go to a message of any room. */
  jumpTo(message) {
    this.#page.showMessage(message);
  }

  edit(message) {
    this.#editing.begin(message);
  }

  /** Edit the newest message of one's own that is shown; false if there is none. */
  editLast() {
    const { id } = this.#page.chat.user;
    const found = this.#shownItems.findLast(
      ({ message, entry }) => message?.userId === id && !entry && !message.deletedAt,
    );
    if (!found) return false;
    this.edit(found.message);
    if (!this.#list.visibleKeys().includes(found.key)) this.#list.jumpTo(found.key, { align: "center" });
    return true;
  }

  markUnread(message) {
    this.#marks.markUnread(message).catch((error) => this.#page.failed(error));
    this.#page.store.bump("timeline");
  }

  /** All of the room is read. */
  markRead() {
    const state = this.#state;
    if (!state?.isLoaded) return;
    this.#marks.markRead(state);
    this.#page.store.bump("timeline");
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  get #state() {
    return this.#page.chat.rooms?.get(this.#roomId) ?? null;
  }

  #draw() {
    const state = this.#state;
    if (!state) return;
    const { scroller } = this.#places;
    scroller.setAttribute("aria-busy", String(!state.isLoaded));
    scroller.setAttribute("aria-label", `Messages in ${this.#page.chat.nameOf(state.room)}`);
    const isKnown = state.isLoaded && !state.isStale; // what was last seen tells nothing of what is unread now
    const isFirst = isKnown && !this.#marks.hasBegun;
    if (isFirst) this.#marks.begin(state);
    const { newFrom } = this.#marks;
    if (isFirst) this.#isOpening = newFrom !== null && !this.#page.route.at;
    // What was written while the room could not be loaded is shown, too.
    const messages = state.isLoaded ? state.timeline.messages : [];
    this.#shownItems = this.#items.arrange(state, { newFrom, editingId: this.#editing.id, messages });
    const open = () => this.#page.chat.open(this.#roomId, { around: "unread" }).catch(() => {}); // loadError says it
    const notes = { name: this.#page.chat.nameOf(state.room), open, loads: this.#loads };
    this.#list.set(this.#shownItems, {
      follow: !state.timeline.isDetached,
      header: timelineHead(state, notes),
      footer: timelineFoot(state, notes),
    });
    if (this.#isOpening) this.#goToFirstNew(state, { isFirst });
    if (isKnown) void this.#goToPlace();
    this.#onRange();
    this.#tickWhileWaiting();
  }

  /** Begin at the first new message, once it is loaded. Of a room that was open before, only the end may be. */
  #goToFirstNew({ timeline, wanted }, { isFirst }) {
    const { newFrom } = this.#marks;
    const isThere = timeline.has(newFrom);
    if (isThere) this.#list.jumpTo("new", { align: "start" });
    if (isThere || (!isFirst && wanted === null)) this.#isOpening = false;
  }

  /** Seconds are counted down. */
  #tickWhileWaiting() {
    clearTimeout(this.#tick);
    if (!this.#shownItems.some(({ waitS }) => waitS > 0)) return;
    this.#tick = setTimeout(() => this.#page.store.bump("timeline"), TICK_MS);
  }

  #drawNotes(state, visible) {
    const { bar, jump } = this.#places;
    patch(bar, this.#marks.newFrom === null ? null : this.#bar(state, visible));
    const isAway = !this.#list.isAtEnd || state.timeline.isDetached;
    const toLatest = { click: () => this.toLatest() };
    const text = jumpLabel(state.unread);
    patch(jump, isAway && h("button", { type: "button", class: "jump", on: toLatest }, icon("down"), text));
  }

  #bar(state, visible) {
    const isVisible = visible.has("new");
    const { newFrom, isMarked } = this.#marks;
    if (!isMarked && (state.unread === 0 || (isVisible && this.#list.isAtEnd))) return null;
    const first = state.timeline.get(newFrom);
    return unreadBar({
      count: Math.max(state.unread, state.room.lastSeq - newFrom + 1),
      since: first && new Date(first.createdAt),
      isThere: isVisible,
      jump: () => (isVisible ? this.toLatest() : this.#toFirstNew()),
      markRead: () => this.markRead(),
    });
  }

  async #toFirstNew() {
    if (!this.#list.jumpTo("new")) {
      await this.#page.chat.rooms
        .loadAround(this.#roomId, this.#marks.newFrom)
        .catch((error) => this.#page.failed(error));
      this.#page.store.flush();
      this.#list.jumpTo("new");
    }
  }

  /** Go to the message that the address names. */
  async #goToPlace() {
    const { route } = this.#page;
    const { at, roomId } = route;
    if (!at || roomId !== this.#roomId || this.#placed === route) return;
    this.#placed = route;
    if (!this.#state.timeline.has(at)) {
      try {
        await this.#page.chat.rooms.loadAround(roomId, at);
      } catch (error) {
        return this.#page.failed(error);
      }
      this.#page.store.flush();
    }
    const item = this.#shownItems.find((one) => seqsOf(one).includes(at));
    if (!item || !this.#list.jumpTo(item.rootKey ?? item.key, { align: "center", flash: true })) {
      this.#page.toast("This message is not here any more.");
    }
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  /** What is on the screen of a page that is seen is read. */
  #onRange() {
    const state = this.#state;
    if (!state?.isLoaded || !this.#marks.hasBegun) return;
    const visible = new Set(this.#list.visibleKeys());
    const seqs = this.#shownItems.filter(({ key }) => visible.has(key)).flatMap(seqsOf);
    const isSeen = document.visibilityState === "visible";
    if (isSeen && this.#marks.see(seqs, state)) this.#page.store.bump("timeline");
    this.#drawNotes(state, visible);
  }

  // ---- what happens -------------------------------------------------------------------------------------------------

  #onEnd(end) {
    const state = this.#state;
    if (!state?.isLoaded) return;
    if (end === "start" && state.timeline.hasOlder) void this.#loads.near("older");
    if (end === "end" && state.timeline.isDetached) void this.#loads.near("newer");
  }

  #listen() {
    const { signal } = this.#closing;
    const { chat } = this.#page;
    chat.addEventListener("message", ({ detail }) => this.#announce(detail), { signal });
    chat.addEventListener(
      "reset",
      ({ detail }) => detail.roomId === this.#roomId && this.#marks.reset(this.#state?.room.readSeq ?? 0),
      { signal },
    );
    document.addEventListener("visibilitychange", () => this.#onRange(), { signal });
    this.#keys = new TimelineKeys({
      scroller: this.#places.scroller,
      itemsOf: () => this.#shownItems,
      list: this.#list,
      actions: this.#actions,
      leave: () => this.#page.composer?.focus(),
      signal,
    });
  }

  #announce({ roomId, message }) {
    if (roomId !== this.#roomId || message.userId === this.#page.chat.user?.id) return;
    if (document.visibilityState !== "visible") this.#marks.cameUnseen(message);
    this.#announcer.add(this.#items.nameOf(message.userId) ?? message.username, message);
  }

  /** "Today" becomes "Yesterday". */
  #awaitMidnight() {
    this.#midnight = setTimeout(() => {
      this.#page.store.bump("timeline");
      this.#awaitMidnight();
    }, msUntilMidnight(new Date()));
  }
}
