/**
 * What the views share: the client, the store, and what they ask of the page (go somewhere, tell, ask, open a dialog).
 * It knows no view.
 */

import { NARROW } from "../ui/narrow.js";
import { formatRoute, NOWHERE, parseRoute } from "./route.js";

export class Page {
  #dialogs;
  #loading = new Set(); // names of dialogs
  #toasts;
  #composer = null;
  #timeline = null;
  #depth = history.state?.depth ?? 0; // of the shown entry, among those of this page in the browser's history

  /**
   * `people`: people-directory.js. `settings`: page-settings.js. `drafts`: composer/drafts.js. `toasts`: ui/toasts.js.
   * `dialogs`: name → a function that returns the promise of a function that opens the dialog.
   */
  constructor({ chat, store, people, settings, drafts, toasts, dialogs }) {
    this.chat = chat;
    this.store = store;
    this.people = people;
    this.settings = settings;
    this.drafts = drafts;
    this.#toasts = toasts;
    this.#dialogs = dialogs;
  }

  get route() {
    return this.store.state.route;
  }

  get roomId() {
    return this.route.roomId;
  }

  /** What is known of the shown room, or null: `{room, unread, mentions, timeline, isLoaded, …}`. */
  get roomState() {
    return this.chat.rooms?.get(this.roomId) ?? null;
  }

  /**
   * Go where the fields say; fields that are left out stay, but another room begins without a panel and a place.
   * `replace`: without an entry of its own in the browser's history.
   */
  go(fields, { replace = false } = {}) {
    const isOtherRoom = fields.roomId !== undefined && fields.roomId !== this.roomId;
    const route = { ...(isOtherRoom ? NOWHERE : { ...this.route, at: null }), ...fields };
    const hash = formatRoute(route);
    if (hash !== formatRoute(this.route)) {
      if (!replace) this.#depth += 1;
      const entry = { depth: this.#depth };
      history[replace ? "replaceState" : "pushState"](entry, "", hash || location.pathname + location.search);
    }
    this.store.set({ route });
  }

  /** The code of the invite link that led here, or null. */
  get invite() {
    return new URLSearchParams(location.search).get("invite") || null;
  }

  /** The message field of the shown room, or null: `focus()`, `insert(text)`, `reply(message)`. */
  get composer() {
    return this.#composer;
  }

  /** The timeline of the shown room, or null: `focus()`, `toLatest()`, `editLast()`. */
  get timeline() {
    return this.#timeline;
  }

  /** A component is now the message field of the shown room; returns a function that ends this. */
  attachComposer(composer) {
    this.#composer = composer;
    return () => {
      if (this.#composer === composer) this.#composer = null;
    };
  }

  /** A component is now the timeline of the shown room; returns a function that ends this. */
  attachTimeline(timeline) {
    this.#timeline = timeline;
    return () => {
      if (this.#timeline === timeline) this.#timeline = null;
    };
  }

  /** Go to a message: a reply in its thread, others beside the panel that is shown, where there is room for both. */
  showMessage({ roomId, seq = null, threadId = null }) {
    if (threadId) return this.go({ roomId, at: seq, panel: "thread", id: threadId, within: null });
    const { panel, id, within } = NARROW.matches ? NOWHERE : this.route; // on a phone they are two screens
    this.go({ roomId, at: seq, panel, id, within });
  }

  /** Open a panel on the right; null closes it. `id`, `within`: see route.js. */
  openPanel(panel, id = null, { within = null } = {}) {
    this.go({ panel, id, within });
  }

  /** The address was changed by the browser. Back closes what was opened last: a dialog or a menu, which has no entry. */
  followAddress() {
    const depth = history.state?.depth ?? 0;
    const open = [...document.querySelectorAll("dialog[open]")].at(-1);
    if (open && depth < this.#depth) {
      /** @type {HTMLDialogElement} */ (open).close();
      return history.forward();
    }
    this.#depth = depth;
    this.store.set({ route: parseRoute(location.hash) });
  }

  /**
   * Tell something for some seconds. `action`: a button, `{label, run}`; `onEnd`: called when it went without the
   * action. Returns a function that takes it away.
   */
  toast(text, options = {}) {
    if (this.chat.user) return this.#toasts.show(text, options);
    options.onEnd?.(); // it comes after the session that it is of, and the next one may be another user's
    return () => {};
  }

  /**
   * Tell what was done, with a button that undoes it. `undo()`: the inverse, which may fail; it may resolve to a text,
   * which is told. `options`: as of `toast`.
   */
  done(text, undo, options = {}) {
    const run = async () => {
      try {
        const told = await undo();
        if (told) this.toast(told);
      } catch (error) {
        this.failed(error);
      }
    };
    return this.toast(text, { ...options, action: { label: "Undo", run } });
  }

  /** What waits for its undo is done: the page is left. */
  endToasts() {
    this.#toasts.endAll();
  }

  /** Tell that something failed. */
  failed(error) {
    this.toast(error.message, { isError: true });
  }

  /** Ask before something is done; resolves to whether it is to be done. */
  confirm(options) {
    return this.dialog("confirm", options);
  }

  /**
   * All of these rooms is read, and they are not marked as unread any more. It shows at once; the server, where what is
   * read stays so, is told when there was time to undo it, or the page is left. `onUndo()`: it is as before.
   */
  markRead(states, onUndo = () => {}) {
    const { chat, settings } = this;
    const rooms = states.filter((state) => settings.isUnread(state)).map(({ room }) => room);
    if (rooms.length === 0) return;
    const marks = rooms.map(({ id }) => [id, settings.unreadFrom(id)]).filter(([, seq]) => seq !== null);
    const ends = rooms.map(({ id, lastSeq }) => chat.showRead(id, lastSeq));
    const end = (isRead) => ends.forEach((one) => one({ isRead }));
    const setMarks = (all) => settings.markUnread(Object.fromEntries(all)).catch((error) => this.failed(error));
    const undo = () => {
      end(false);
      onUndo();
      void setMarks(marks);
    };
    void setMarks(marks.map(([id]) => [id, null]));
    const what = rooms.length > 1 ? `${rooms.length} rooms are` : `${chat.nameOf(rooms[0])} is`;
    this.done(`${what} marked as read.`, undo, { onEnd: () => end(true) });
  }

  /** Of which messages of a room the user is notified: all, mentions or none. Asks the browser for its permission. */
  async setLevel(roomId, level) {
    if (level !== "none") void globalThis.Notification?.requestPermission?.();
    await this.settings.change({ notifications: { [roomId]: level } });
  }

  /** Open a dialog by its name; resolves to what it was closed with, or null. */
  async dialog(name, options = {}) {
    if (this.#loading.has(name)) return null; // asked for twice, it opens once
    this.#loading.add(name);
    const userId = this.chat.user?.id;
    const open = await this.#load(name).finally(() => this.#loading.delete(name));
    if (this.chat.user?.id !== userId) return null; // the session that it was for has ended
    try {
      return (await open?.({ page: this, ...options })) ?? null;
    } catch (error) {
      if (this.chat.user?.id === userId) this.failed(error);
      return null;
    }
  }

  /** The function that opens a dialog; null where it does not load and the user does not try it again. */
  async #load(name) {
    try {
      return await this.#dialogs[name]();
    } catch {
      return new Promise((resolve) => {
        const action = { label: "Retry", run: () => resolve(this.#load(name)) };
        const options = { isError: true, action, onEnd: () => resolve(null) };
        this.toast("A part of the page could not be loaded.", options);
      });
    }
  }
}
