/** The people of the shown room: who is online, and all members, found by the server. */

import { distinctNames } from "../../ui/names.js";
import { h, patch } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { Lookup } from "../dialogs/lookup.js";
import { memberMenu } from "./member-menu.js";
import { openMenu } from "../../ui/menu.js";
import { avatar } from "../../ui/avatar.js";
import { STATUS_NAMES } from "../status-names.js";

const RELOAD_MS = 2000; // after a new person appeared, as several may follow

export class PeoplePanel {
  #root;
  #page;
  #roomId;
  #query = "";
  #members = new Map(); // userId → member, as far as loaded
  #cursor = null;
  #error = null;
  #isLoading = true;
  #askedAbout = new Set(); // people online who were not among the members: one reload for each
  #reload = null;
  #lookup;
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = page.roomId;
    this.#lookup = new Lookup({
      ask: (q) => page.chat.members(this.#roomId, { q }),
      onFound: (found) => this.#take(found, { isFirst: true }),
      onFailed: (error) => this.#fail(error),
    });
    this.#end = page.store.select(
      (state, store) => ["people", `people:${this.#roomId}`, "list", "user"].map((name) => store.version(name)),
      () => this.#draw(),
    );
    void this.#lookup.now("");
  }

  close() {
    this.#end();
    this.#lookup.close();
    clearTimeout(this.#reload);
    patch(this.#root, []);
  }

  #take({ members, nextCursor }, { isFirst }) {
    if (isFirst) this.#members = new Map();
    for (const member of members) this.#members.set(member.userId, member);
    this.#cursor = nextCursor;
    this.#error = null;
    this.#isLoading = false;
    this.#page.people.learnMembers(members);
    this.#draw();
  }

  #fail(error) {
    this.#error = error;
    this.#isLoading = false;
    this.#draw();
  }

  async #more() {
    const cursor = this.#cursor;
    this.#cursor = null;
    try {
      this.#take(await this.#page.chat.members(this.#roomId, { q: this.#query, cursor }), { isFirst: false });
    } catch (error) {
      this.#cursor = cursor;
      this.#fail(error);
    }
  }

  #load = () => {
    this.#reload = null;
    void this.#lookup.now(this.#query);
  };

  /** People are online who were no members when the list was loaded: load it again. */
  #loadAgainFor(strangers) {
    const fresh = strangers.filter(({ userId }) => !this.#askedAbout.has(userId));
    if (fresh.length === 0) return;
    for (const { userId } of fresh) this.#askedAbout.add(userId);
    this.#reload ??= setTimeout(this.#load, RELOAD_MS);
  }

  #draw() {
    const { chat } = this.#page;
    const state = chat.rooms?.get(this.#roomId);
    if (!state) return;
    const presence = chat.presence.of(this.#roomId);
    const online = presence?.online ?? new Map();
    const isFound = ({ userId, username }) =>
      !this.#query || this.#members.has(userId) || username.toLowerCase().startsWith(this.#query.toLowerCase());
    const here = [...online.values()].filter(isFound).map((one) => ({ ...this.#members.get(one.userId), ...one }));
    const others = [...this.#members.values()].filter(({ userId }) => !online.has(userId));
    if (!this.#query && this.#cursor === null && !this.#isLoading) {
      this.#loadAgainFor(here.filter(({ userId }) => !this.#members.has(userId)));
    }
    const count = presence?.onlineCount ?? 0;
    const names = distinctNames([...here, ...others]);
    const row = (person) => this.#row(person, names.get(person.userId), state);
    const byName = (one, other) => names.get(one.userId).name.localeCompare(names.get(other.userId).name);
    patch(this.#root, [
      this.#head(state),
      h(
        "div",
        { key: "scroll", class: "people-scroll" },
        this.#section("here", `Online — ${count.toLocaleString()}`, here.sort(byName).map(row)),
        this.#section("others", presence?.isCounted ? "Members" : "Not online", others.sort(byName).map(row)),
        this.#note(),
      ),
    ]);
  }

  #head({ room }) {
    const change = ({ target }) => {
      this.#query = target.value.trim();
      this.#lookup.change(this.#query);
    };
    const mayInvite = room.kind !== "direct" && (!room.isPrivate || room.role !== "member") && !room.archivedAt;
    const invite = () => this.#page.dialog("invite", { roomId: room.id });
    return h(
      "div",
      { key: "head", class: "people-head" },
      h("input", {
        ...{ type: "text", role: "searchbox", "aria-label": "Search people", placeholder: "Search people" },
        ...{ autocomplete: "off", dir: "auto", maxlength: 64, on: { input: change } },
      }),
      mayInvite && h("button", { type: "button", on: { click: invite } }, icon("invite"), "Invite people"),
    );
  }

  #section(name, title, rows) {
    if (rows.length === 0) return null;
    return h("section", { key: name, "data-people": name, "aria-label": title }, h("h2", {}, title), h("ul", {}, rows));
  }

  #row(person, { name, handle }, state) {
    const page = this.#page;
    const { userId, username, status = "offline", role } = person;
    const known = page.people.of(userId, username);
    const url = page.chat.avatarUrl(known);
    const isMe = userId === page.chat.user.id;
    const notes = [isMe && "you", role && role !== "member" && role].filter(Boolean).join(", ");
    const open = () => page.openPanel("profile", userId);
    const items = memberMenu({ ...person, name }, state, page, { onChanged: this.#load });
    const menu = ({ currentTarget }) => openMenu({ anchor: currentTarget, items, label: name });
    return h(
      "li",
      { key: userId, class: "person" },
      h(
        "button",
        { type: "button", class: "person-button", "data-user-id": userId, "data-status": status, on: { click: open } },
        h(
          "span",
          { class: "picture" },
          avatar({ ...known, id: userId, name, url, size: "small" }),
          h("span", { class: "dot", "data-status": status, title: STATUS_NAMES[status] }),
        ),
        h(
          "span",
          { class: "two-lines" },
          h(
            "span",
            {},
            h("bdi", {}, name),
            handle && h("small", {}, ` ${handle}`),
            notes && h("small", {}, ` ${notes}`),
          ),
          known?.customStatus && h("small", { dir: "auto" }, known.customStatus),
        ),
        h("span", { class: "sr-only" }, STATUS_NAMES[status]),
      ),
      items.length > 0 && iconButton("more", `Moderate ${name}`, { class: "small", on: { click: menu } }),
    );
  }

  #note() {
    if (this.#error) {
      const retry = { type: "button", class: "link", on: { click: this.#load } };
      return h("p", { class: "timeline-note", role: "alert" }, `${this.#error.message} `, h("button", retry, "Retry"));
    }
    if (this.#isLoading) return h("p", { class: "timeline-note", role: "status" }, "Loading…");
    if (this.#cursor)
      return h("button", { type: "button", class: "link", on: { click: () => this.#more() } }, "Show more");
    return this.#members.size === 0 && h("p", { class: "timeline-note", role: "status" }, "Nobody has such a name.");
  }
}
