/** Who is here and who else belongs to the room, and who is typing. */

import { avatar, byId, el, setText } from "../ui/dom.js";
import { STATUS_NAMES } from "./person-dialogs.js";
import { typingLabel } from "../ui/text.js";

const MEMBERS_AGAIN_MS = 2000; // after somebody new came: several may

export class PeopleView {
  #members = new Map(); // of the room that is shown
  #cursor = null;
  #planned = false;
  #again = null;
  #asked = new Set(); // who was here without being on the list; once is enough to find out

  constructor({ chat, page }) {
    this.chat = chat;
    this.page = page;
    const ofThisRoom =
      (work) =>
      ({ detail }) =>
        detail.roomId === page.roomId && work();
    chat.addEventListener(
      "people",
      ofThisRoom(() => this.#plan()),
    );
    chat.addEventListener(
      "typing",
      ofThisRoom(() => this.#renderTyping()),
    );
    chat.addEventListener("user", () => this.#plan());
    chat.addEventListener("list", () => {
      this.#loadIfNew();
      this.#plan();
    });
    byId("more-people").addEventListener("click", () => this.#load());
    byId("people").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-user-id]");
      if (button) page.showPerson(button.dataset.userId);
    });
  }

  show() {
    clearTimeout(this.#again);
    this.#again = null;
    this.#asked.clear();
    this.roomId = null;
    this.#members = new Map();
    this.#cursor = null;
    this.#renderTyping();
    this.#render();
    this.#loadIfNew();
  }

  /** Ids of those who can be mentioned here, by lower-case user name. */
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
      if (roomId === this.page.roomId) this.roomId = null; // with the next change of the list
    }
  }

  /** Somebody is here who was not a member when the list was read. */
  #askAbout(strangers) {
    const fresh = strangers.filter(({ userId }) => !this.#asked.has(userId));
    if (fresh.length === 0) return;
    for (const { userId } of fresh) this.#asked.add(userId);
    this.#again ??= setTimeout(() => {
      this.#again = null;
      void this.#load();
    }, MEMBERS_AGAIN_MS);
  }

  /** The room's number of members is behind. */
  #refreshRoom(roomId) {
    return this.chat.refreshRoom(roomId).catch(() => {});
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
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
      this.#askAbout(here.filter((person) => !this.#members.has(person.userId)));
    const others = [...this.#members.values()].filter((member) => !online.has(member.userId));
    setText(byId("here-count"), String(people?.onlineCount ?? 0));
    setText(byId("here-title"), `Here — ${(people?.onlineCount ?? 0).toLocaleString()}`);
    setText(byId("away-title"), people?.isCounted ? "Members" : "Not here");
    byId("away-title").hidden = others.length === 0;
    this.#fill(byId("here-list"), here);
    this.#fill(byId("away-list"), others);
  }

  #fill(list, people) {
    const named = people.map((person) => ({ ...person, name: person.displayName ?? person.username }));
    named.sort((one, other) => one.name.localeCompare(other.name));
    const look = JSON.stringify(named.map(({ userId, name, status, role }) => [userId, name, status, role]));
    if (list.dataset.look === look) return;
    list.dataset.look = look;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.userId : null;
    list.replaceChildren(...named.map((person) => this.#line(person)));
    if (focused) list.querySelector(`[data-user-id="${CSS.escape(focused)}"]`)?.focus();
  }

  #line({ userId, name, status = "offline", role }) {
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
