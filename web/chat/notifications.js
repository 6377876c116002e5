/**
 * Notifies of messages while the user looks elsewhere: one notification for each room, by one of the user's tabs. It
 * goes when the room was read, here or on another device, and at the end of the session.
 */

import { formatRoute } from "./route.js";
import { isToBeTold, notificationText } from "./notification-choice.js";
import { ShownNotifications } from "./shown-notifications.js";

const GATHER_MS = 300; // what comes at once is one notification; another tab may say meanwhile that it shows the room
const EARLY_MAX = 100;

export class Notifications {
  #page;
  #prefix; // of all names: each server of an origin has its own
  #channel; // on which a tab says what it shows
  #since = null; // roomId → its newest seq that was considered, or was there when the page began; null before the list
  #early = []; // messages that came before the settings were read: these say of which to tell
  #told = new Map(); // roomId → {seq, count}: what is shown, or about to be
  #shown;
  #own = new Map(); // roomId → Notification of this page, where there is no service worker
  #waiting = new Map(); // roomId → {message, timer}
  #lock = null; // AbortController while this tab asks for the lock, or has it
  #isChosen = false; // whether this is the tab that notifies

  constructor({ page, prefix, signal }) {
    this.#page = page;
    this.#prefix = prefix;
    this.#shown = new ShownNotifications({ prefix });
    this.#channel = new BroadcastChannel(`${prefix}notifications`);
    this.#channel.onmessage = ({ data: { roomId, seq } }) => this.#take(roomId, seq);
    const { chat } = page;
    const on = (name, work) => chat.addEventListener(name, ({ detail }) => work(detail), { signal });
    on("message", ({ message }) => this.#onMessage(message));
    on("mention", ({ message }) => this.#onMessage(message));
    on("list", () => this.#onList());
    on("settings", () => this.#onSettings());
    on("state", () => this.#onState());
    on("ended", () => this.#end());
    signal.addEventListener("abort", () => this.#close());
    this.#onState();
    this.#onList();
  }

  // ---- which tab ----------------------------------------------------------------------------------------------------

  /** A tab without a connection hears of nothing, and leaves it to the others. */
  #onState() {
    const isOnline = this.#page.chat.connection?.isOnline ?? false;
    if (isOnline && !this.#lock) void this.#choose();
    else if (!isOnline) this.#release();
  }

  async #choose() {
    const lock = (this.#lock = new AbortController());
    const { locks } = navigator;
    const ended = new Promise((resolve) => lock.signal.addEventListener("abort", resolve));
    const held = () => {
      this.#isChosen = !lock.signal.aborted;
      if (this.#isChosen) void this.#adopt();
      return ended;
    };
    if (!locks) return void held(); // two of one room replace each other
    await locks.request(`${this.#prefix}notifications`, { signal: lock.signal }, held).catch(() => {});
  }

  #release() {
    this.#lock?.abort();
    this.#lock = null;
    this.#isChosen = false;
  }

  // ---- what comes ---------------------------------------------------------------------------------------------------

  #onList() {
    const { chat, settings } = this.#page;
    const { rooms } = chat;
    if (!rooms?.isListed) return;
    this.#since ??= new Map(rooms.all.map(({ room }) => [room.id, room.lastSeq]));
    for (const { room } of rooms.all) this.#take(room.id, room.readSeq ?? 0);
    for (const [roomId, { seq }] of this.#told) if (!rooms.get(roomId)) this.#take(roomId, seq); // it was left
    if (!this.#isChosen || chat.settings.value === null) return;
    // Of a room that is not joined only the number is told; and what comes before a join is news of no event.
    for (const { room } of rooms.all) {
      if (settings.levelOf(room) !== "all") continue;
      const knownSeq = Math.max(this.#since.get(room.id) ?? 0, this.#told.get(room.id)?.seq ?? 0);
      if (room.lastSeq <= knownSeq || !this.#isAllowed) continue;
      const told = (message) => message && this.#onMessage(message);
      rooms.loadPreview(room.id).then(told, () => {});
    }
  }

  /** They say of which messages to tell, those included that came before. */
  #onSettings() {
    this.#early.splice(0).forEach((message) => this.#onMessage(message));
    this.#onList();
  }

  #onMessage(message) {
    const { roomId, seq } = message;
    const { chat, settings } = this.#page;
    const room = chat.rooms?.get(roomId)?.room;
    const isShown = document.visibilityState === "visible" && this.#page.roomId === roomId;
    if (isShown) this.#channel.postMessage({ roomId, seq });
    if (!room || !this.#since) return;
    if (this.#isChosen && chat.settings.value === null) {
      this.#early = [...this.#early, message].slice(-EARLY_MAX);
      return;
    }
    const since = this.#since.get(roomId) ?? 0;
    this.#since.set(roomId, Math.max(seq, since));
    const before = this.#told.get(roomId) ?? { seq: 0, count: 0 };
    if (!this.#isChosen || seq <= before.seq) return;
    const level = settings.levelOf(room);
    if (!isToBeTold(message, { room, level, me: chat.user, blocks: chat.blocks, since, isShown })) return;
    if (!this.#isAllowed) return;
    this.#told.set(roomId, { seq, count: before.count + 1 });
    const timer = this.#waiting.get(roomId)?.timer ?? setTimeout(() => this.#show(roomId), GATHER_MS);
    this.#waiting.set(roomId, { message, timer });
  }

  /** Asked last: the browser's answer takes it up to a millisecond, and messages come by the hundred. */
  get #isAllowed() {
    return Notification.permission === "granted";
  }

  async #show(roomId) {
    const { message } = this.#waiting.get(roomId);
    this.#waiting.delete(roomId);
    const { chat, people } = this.#page;
    const room = chat.rooms?.get(roomId)?.room;
    if (!room) return;
    const { seq, threadId, userId, username } = message;
    const { count } = this.#told.get(roomId);
    const author = people.of(userId, username)?.displayName ?? username;
    const { title, body } = notificationText(message, { author, room, roomName: chat.nameOf(room), count });
    const route = { roomId, panel: threadId ? "thread" : null, id: threadId ?? null, at: seq };
    const data = { address: formatRoute(route), userId: chat.user.id, roomId, seq, count };
    const options = { body, data, tag: this.#shown.tagOf(roomId), renotify: true };
    try {
      const registration = await this.#shown.registration();
      if (registration) await registration.showNotification(title, options);
      else this.#showOwn(roomId, title, options, route);
      if (!this.#told.has(roomId)) await this.#remove(roomId, seq); // it was read meanwhile
    } catch {
      // The browser refuses it; the counts show what is unread.
    }
  }

  /** Of a page without a service worker: the click is heard as long as the page lives. */
  #showOwn(roomId, title, options, route) {
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      this.#page.go(route);
    };
    this.#own.set(roomId, notification);
  }

  // ---- what goes ----------------------------------------------------------------------------------------------------

  /** A room is read up to a seq, or shown. */
  #take(roomId, seq) {
    const told = this.#told.get(roomId);
    if (!told || told.seq > seq) return;
    this.#told.delete(roomId);
    this.#since?.set(roomId, Math.max(seq, this.#since.get(roomId) ?? 0));
    clearTimeout(this.#waiting.get(roomId)?.timer);
    this.#waiting.delete(roomId);
    void this.#remove(roomId, seq);
  }

  /** What another tab shows of later messages stays. */
  async #remove(roomId, seq) {
    this.#own.get(roomId)?.close();
    this.#own.delete(roomId);
    await this.#shown.close((data) => data.roomId === roomId && data.seq <= seq);
  }

  /** What an earlier page or another tab has left counts on, and goes when it is read; another user's at once. */
  async #adopt() {
    const { chat } = this.#page;
    await this.#shown.close(({ userId, roomId, seq, count }) => {
      if (userId !== chat.user?.id) return true;
      if (seq > (this.#told.get(roomId)?.seq ?? 0)) this.#told.set(roomId, { seq, count });
      return false;
    });
    this.#onList();
  }

  /** The page closes what the browser shows. */
  #end() {
    this.#release();
    this.#since = null;
    this.#early = [];
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    this.#told.clear();
    for (const one of this.#own.values()) one.close();
    this.#own.clear();
  }

  #close() {
    this.#release();
    this.#channel.close();
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
  }
}
