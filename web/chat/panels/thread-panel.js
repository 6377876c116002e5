/** A thread: the message that it began with, its replies, and a message field of its own. */

import { Composer } from "../composer/composer.js";
import { h, patch } from "../../ui/view.js";
import { MessageActions } from "../message/message-actions.js";
import { MessageEditing } from "../message/message-editing.js";
import { NARROW } from "../../ui/narrow.js";
import { RoomItems } from "../timeline/room-items.js";
import { rowOf, seqsOf } from "../timeline/timeline-rows.js";
import { TimelineKeys } from "../timeline/timeline-keys.js";
import { WindowList } from "../../ui/window-list.js";

export class ThreadPanel {
  #root;
  #page;
  #rootId;
  #roomId = null;
  #thread = null;
  #list = null;
  #items = null;
  #actions;
  #composer = null;
  #editing;
  #shownItems = [];
  #placed = null; // the route whose reply was gone to
  #end = null;
  #isClosed = false;
  #closing = new AbortController();

  /** `id`: of the message that the thread began with, or of one of its replies. */
  constructor({ root, page, id }) {
    this.#root = root;
    this.#page = page;
    this.#rootId = id;
    this.#actions = new MessageActions({ page, owner: this });
    this.#editing = new MessageEditing({ page, draw: () => this.#draw(), focus: () => this.#composer?.focus?.() });
    void this.#open();
  }

  close() {
    this.#isClosed = true;
    this.#closing.abort();
    this.#end?.();
    this.#composer?.close();
    this.#editing.close();
    this.#list?.close();
    if (this.#thread) this.#page.chat.threads?.close(this.#thread.rootId);
    patch(this.#root, []);
  }

  /** Replies to what the thread shows are written in it. */
  get composer() {
    return this.#composer;
  }

  jumpTo(message) {
    this.#page.showMessage(message);
  }

  edit(message) {
    this.#editing.begin(message);
  }

  async #open() {
    const { chat } = this.#page;
    patch(this.#root, h("p", { class: "panel-wait", role: "status" }, "Loading…"));
    try {
      const message = chat.rooms.findMessage(this.#rootId) ?? (await chat.api.messages.get(this.#rootId));
      if (this.#isClosed) return;
      this.#roomId = message.roomId;
      this.#thread = chat.threads.open(message);
      this.#build();
    } catch (error) {
      if (this.#isClosed) return;
      const retry = { type: "button", class: "primary", on: { click: () => this.#open() } };
      patch(this.#root, h("div", { class: "panel-wait", role: "alert" }, error.message, h("button", retry, "Retry")));
    }
  }

  #build() {
    const page = this.#page;
    const { rootId } = this.#thread;
    const places = {};
    const place = (name) => ({ foreign: true, ref: (node) => (places[name] = node) });
    const label = { tabindex: "0", role: "region", "aria-label": "Thread" };
    patch(this.#root, [
      h("div", { key: "scroll", class: "thread-scroll", ...label, "data-thread": rootId, ...place("scroller") }),
      h("div", { key: "composer", class: "composer", ...place("composer") }),
    ]);
    this.#items = new RoomItems({ page, roomId: this.#roomId });
    const editor = (message) => this.#editing.editor(message);
    const showHidden = (messages) => this.#items.showHidden(messages);
    const context = { page, me: page.chat.user, actions: this.#actions, editor, showHidden };
    this.#list = new WindowList({
      root: places.scroller,
      render: (item) => rowOf(item, context),
      onEnds: (end) => end === "end" && this.#thread.hasMore && this.#loadMore(),
      onRange: () => this.#markRead(),
    });
    const { signal } = this.#closing;
    document.addEventListener("visibilitychange", () => this.#markRead(), { signal });
    new TimelineKeys({
      ...{ scroller: places.scroller, list: this.#list, actions: this.#actions, signal },
      itemsOf: () => this.#shownItems,
      leave: () => this.#composer.focus(),
    });
    const onSent = () => this.#list.toEnd();
    const editLast = () => this.#editLast();
    this.#composer = new Composer({
      ...{ root: places.composer, page, roomId: this.#roomId, threadId: rootId, onSent, editLast },
      dropZone: this.#root,
    });
    const versions = [`thread:${rootId}`, `outbox:${this.#roomId}`, "people", "settings", "blocks", "timeline"];
    this.#end = page.store.select(
      ({ route }, store) => [route, ...versions.map((name) => store.version(name))],
      () => this.#draw(),
    );
    if (!NARROW.matches) this.#composer.focus(); // on a phone it would bring up the keyboard
  }

  #draw() {
    const thread = this.#thread;
    if (!thread) return;
    const { chat } = this.#page;
    const state = chat.rooms?.get(this.#roomId);
    if (!state) return;
    const unsent = chat.unsent(this.#roomId).filter(({ threadId }) => threadId === thread.rootId);
    this.#shownItems = this.#items.arrange(state, {
      ...{ newFrom: null, editingId: this.#editing.id, isThread: true },
      messages: [thread.root, ...thread.messages].filter(Boolean),
      unsent: thread.hasMore ? [] : unsent,
    });
    this.#list.set(this.#shownItems, { follow: !thread.hasMore, footer: this.#note(thread) });
    this.#goToPlace(state.timeline);
    this.#markRead();
  }

  /** Go to the reply that the address names, once its page is loaded. */
  #goToPlace(timeline) {
    const { route } = this.#page;
    const thread = this.#thread;
    const isOther = (timeline.get(route.at)?.threadId ?? thread.rootId) !== thread.rootId;
    if (!route.at || this.#placed === route || isOther || thread.isLoading || thread.loadError) return;
    if (thread.hasMore && (thread.messages.at(-1)?.seq ?? 0) < route.at) return this.#loadMore();
    this.#placed = route;
    const item = this.#shownItems.find((one) => seqsOf(one).includes(route.at));
    if (item) this.#list.jumpTo(item.key, { align: "center", flash: true });
  }

  #note(thread) {
    if (thread.loadError) {
      const retry = { type: "button", class: "link", on: { click: () => this.#loadMore() } };
      return h(
        "p",
        { class: "timeline-note", role: "alert" },
        `${thread.loadError.message} `,
        h("button", retry, "Retry"),
      );
    }
    if (!thread.isLoaded || thread.isLoading) return h("p", { class: "timeline-note", role: "status" }, "Loading…");
    return thread.messages.length === 0 ? h("p", { class: "timeline-note" }, "No replies yet.") : null;
  }

  #loadMore() {
    this.#thread.loadMore().catch(() => {}); // `loadError` says it
  }

  #markRead() {
    const last = this.#thread?.messages.at(-1)?.seq ?? 0;
    const { settings } = this.#page;
    if (!this.#list?.isAtEnd || document.visibilityState !== "visible" || this.#thread.hasMore) return;
    if (last > settings.threadRead(this.#thread.rootId)) {
      settings.markThreadRead(this.#thread.rootId, last).catch(() => {}); // the next reply tries again
    }
  }

  #editLast() {
    const { id } = this.#page.chat.user;
    const isMine = ({ message, entry }) => message?.userId === id && !entry && !message.deletedAt;
    const found = this.#shownItems.findLast(isMine);
    if (found) this.edit(found.message);
    return Boolean(found);
  }
}
