/** The list of people in the room, online and others, and the line that says who is typing. */

import { avatar, byId, el, setText } from "../ui/dom.js";
import { STATUS_NAMES } from "./person-dialogs.js";
import { typingLabel } from "../ui/text.js";

const MEMBERS_RELOAD_MS = 2000; // delay after a new person appeared, as several may follow

export class PeopleView {
  #members = new Map(); // of the shown room, by user id
  #cursor = null;
  #isRenderScheduled = false;
  #reloadTimer = null;
  #askedAbout = new Set(); // people online who were not in the list: one reload for each

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    const ofThisRoom =
      (work) =>
      ({ detail }) =>
        detail.roomId === page.roomId && work();
    chat.addEventListener(
      "people",
      ofThisRoom(() => this.#scheduleRender()),
    );
    chat.addEventListener(
      "typing",
      ofThisRoom(() => this.#renderTyping()),
    );
    chat.addEventListener("user", () => this.#scheduleRender());
    chat.addEventListener("list", () => {
      this.#loadIfNew();
      this.#scheduleRender();
    });
    byId("more-people").addEventListener("click", () => this.#load());
    byId("people").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-user-id]");
      if (button) page.showPerson(button.dataset.userId);
    });
  }

  show() {
    clearTimeout(this.#reloadTimer);
    this.#reloadTimer = null;
    this.#askedAbout.clear();
    this.roomId = null;
    this.#members = new Map();
    this.#cursor = null;
    this.#renderTyping();
    this.#render();
    this.#loadIfNew();
  }

  /** The ids of the people who can be mentioned, by lower-case user name. */
  idsByName() {
    const here = this.chat.presence.of(this.page.roomId)?.online.values() ?? [];
    return new Map(
      [...this.#members.values(), ...here].map(({ userId, username }) => [username.toLowerCase(), userId]),
    );
  }

  #loadIfNew() {
    const { roomId } = this.page;
    if (!this.chat.rooms?.get(roomId) || this.roomId === roomId) return;
    this.roomId = roomId;
    void this.#load();
  }

  async #load() {
    const { roomId } = this.page;
    try {
      const { members, nextCursor } = await this.chat.members(roomId, { cursor: this.#cursor });
      if (roomId !== this.page.roomId) return;
      for (const member of members) this.#members.set(member.userId, member);
      this.#cursor = nextCursor;
      byId("more-people").hidden = !nextCursor;
      if (!nextCursor && this.#members.size > this.chat.rooms.get(roomId)?.room.memberCount)
        void this.#refreshRoom(roomId);
      this.#render();
    } catch {
      if (roomId === this.page.roomId) this.roomId = null; // the next `list` event retries
    }
  }

  /** People are online who were not members when the list was loaded: load it again. */
  #loadAgainFor(strangers) {
    const fresh = strangers.filter(({ userId }) => !this.#askedAbout.has(userId));
    if (fresh.length === 0) return;
    for (const { userId } of fresh) this.#askedAbout.add(userId);
    this.#reloadTimer ??= setTimeout(() => {
      this.#reloadTimer = null;
      void this.#load();
    }, MEMBERS_RELOAD_MS);
  }

  /** Load the room again: its number of members is out of date. */
  #refreshRoom(roomId) {
    return this.chat.refreshRoom(roomId).catch(() => {});
  }

  #scheduleRender() {
    if (this.#isRenderScheduled) return;
    this.#isRenderScheduled = true;
    requestAnimationFrame(() => {
      this.#isRenderScheduled = false;
      this.#render();
    });
  }

  #render() {
    if (!this.chat.presence) return;
    byId("people").hidden = !this.chat.rooms.get(this.page.roomId);
    const people = this.chat.presence.of(this.page.roomId);
    const online = people?.online ?? new Map();
    const here = [...online.values()].map((person) => ({ ...this.#members.get(person.userId), ...person }));
    if (this.#cursor === null && this.#members.size > 0)
      this.#loadAgainFor(here.filter((person) => !this.#members.has(person.userId)));
    const others = [...this.#members.values()].filter((member) => !online.has(member.userId));
    setText(byId("here-count"), String(people?.onlineCount ?? 0));
    setText(byId("here-title"), `Here — ${(people?.onlineCount ?? 0).toLocaleString()}`);
    setText(byId("away-title"), people?.isCounted ? "Members" : "Not here");
    byId("away-title").hidden = others.length === 0;
    this.#renderList(byId("here-list"), here);
    this.#renderList(byId("away-list"), others);
  }

  #renderList(list, people) {
    const named = people.map((person) => ({ ...person, name: person.displayName ?? person.username }));
    named.sort((one, other) => one.name.localeCompare(other.name));
    const renderKey = JSON.stringify(named.map(({ userId, name, status, role }) => [userId, name, status, role]));
    if (list.dataset.renderKey === renderKey) return;
    list.dataset.renderKey = renderKey;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.userId : null;
    list.replaceChildren(...named.map((person) => this.#item(person)));
    if (focused) list.querySelector(`[data-user-id="${CSS.escape(focused)}"]`)?.focus();
  }

  #item({ userId, name, status = "offline", role }) {
    const notes = [userId === this.chat.user.id && "you", role && role !== "member" && role].filter(Boolean).join(", ");
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "person-button", "data-user-id": userId, "data-status": status },
        avatar({ id: userId, name }),
        el("span", { class: "label" }, name, notes && el("small", {}, ` ${notes}`)),
        el("span", { class: "dot", "data-status": status, title: STATUS_NAMES[status] }),
        el("span", { class: "sr-only" }, STATUS_NAMES[status]),
      ),
    );
  }

  #renderTyping() {
    setText(byId("typing"), typingLabel(this.chat.presence?.typists(this.page.roomId) ?? []));
  }
}
