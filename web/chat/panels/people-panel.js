/** The people of the shown room: who is online, and all members, found by the server. */

import { distinctNames } from "../../ui/names.js";
import { h, patch } from "../../ui/view.js";
import { icon, iconButton } from "../../ui/icons.js";
import { Lookup } from "../lookup.js";
import { memberMenu } from "./member-menu.js";
import { openMenu } from "../../ui/menu.js";
import { RoomMutes } from "./room-mutes.js";
import { avatar } from "../../ui/avatar.js";
import { STATUS_NAMES } from "../status-names.js";

const RELOAD_MS = 2000; // after a new person appeared, as several may follow
const SEEN_MAX = 500; // twice as many as the server names of those online

export class PeoplePanel {
  #root;
  #page;
  #roomId;
  #query = "";
  #members = new Map(); // userId → member, as far as loaded
  #seen = new Map(); // userId → who was online since the list was loaded, and may be on no page that is
  #cursor = null; // of what follows in the answer to the query
  #isWhole = false; // the members are all there are, and came in one answer
  #isStale = false; // a member may be gone
  #error = null;
  #askedAt = 0; // how many members the room was said to have when the list was loaded because of that
  #askedAbout = new Set(); // people online who were not among the members: one reload for each
  #reload = null;
  #mutes = new RoomMutes();
  #lookup;
  #end;

  constructor({ root, page }) {
    this.#root = root;
    this.#page = page;
    this.#roomId = page.roomId;
    this.#lookup = new Lookup({
      ask: (q, cursor) => page.chat.members(this.#roomId, { q, cursor }),
      onFound: (found, about) => this.#take(found, about),
      onFailed: (error) => {
        this.#error = error;
        this.#draw();
      },
    });
    void this.#lookup.now("");
    this.#end = page.store.select(
      (state, store) => ["people", `people:${this.#roomId}`, "list", "user"].map((name) => store.version(name)),
      () => this.#draw(),
    );
  }

  close() {
    this.#end();
    this.#lookup.close();
    clearTimeout(this.#reload);
    patch(this.#root, []);
  }

  #take({ members, nextCursor }, { query, isMore }) {
    if (!isMore && (!query || this.#isStale)) this.#members = new Map();
    if (!isMore && this.#isStale) this.#seen = new Map();
    this.#isStale &&= isMore;
    for (const member of members) this.#members.set(member.userId, member);
    this.#cursor = nextCursor;
    this.#isWhole = !query && !isMore && nextCursor === null;
    this.#error = null;
    this.#page.people.learnMembers(members);
    this.#compareCount();
    this.#draw();
  }

  /** The whole list tells how many members there are: what the room's head says may be older. */
  #compareCount() {
    const { chat } = this.#page;
    const { memberCount } = chat.rooms?.get(this.#roomId)?.room ?? {};
    this.#askedAt = memberCount;
    if (this.#isWhole && memberCount !== this.#members.size) chat.refreshRoom(this.#roomId).catch(() => {});
  }

  #load = () => {
    clearTimeout(this.#reload);
    this.#reload = null;
    this.#isStale = true;
    void this.#lookup.now(this.#query);
  };

  /** The room has another number of members than when the list was loaded. */
  #loadAgainAt(memberCount) {
    if (memberCount === this.#members.size || memberCount === this.#askedAt) return;
    this.#askedAt = memberCount;
    this.#reload ??= setTimeout(this.#load, RELOAD_MS);
  }

  /** People are online who were no members when the list was loaded: load it again. */
  #loadAgainFor(strangers) {
    const fresh = strangers.filter(({ userId }) => !this.#askedAbout.has(userId));
    if (fresh.length === 0) return;
    for (const { userId } of fresh) this.#askedAbout.add(userId);
    this.#reload ??= setTimeout(this.#load, RELOAD_MS);
  }

  /** Who goes offline stays in the list, also where the page that they are on is not loaded. */
  #see(online) {
    for (const { userId, username } of online.values()) this.#seen.set(userId, { userId, username });
    for (const userId of this.#seen.keys()) {
      if (this.#seen.size <= SEEN_MAX) break;
      if (!online.has(userId)) this.#seen.delete(userId);
    }
  }

  #draw() {
    const { chat, people } = this.#page;
    const state = chat.rooms?.get(this.#roomId);
    if (!state) return;
    void this.#mutes.load(chat, state.room);
    const presence = chat.presence.of(this.#roomId);
    const online = presence?.online ?? new Map();
    const named = (person) => ({ ...person, displayName: people.of(person.userId)?.displayName ?? person.displayName });
    const here = [...online.values()].map((one) => named({ ...this.#members.get(one.userId), ...one }));
    const known = this.#isWhole ? this.#members : new Map([...this.#seen, ...this.#members]);
    const others = [...known.values()].filter(({ userId }) => !online.has(userId)).map(named);
    this.#see(online);
    if (this.#isWhole) this.#loadAgainAt(state.room.memberCount);
    if (this.#isWhole) this.#loadAgainFor(here.filter(({ userId }) => !this.#members.has(userId)));
    const names = distinctNames([...people.all, ...here, ...others]);
    const nameOf = ({ userId }) => names.get(userId).name;
    const rows = (list) =>
      list
        .filter((person) => isFound(person, this.#query))
        .sort((one, other) => nameOf(one).localeCompare(nameOf(other)))
        .map((person) => this.#row(person, names.get(person.userId), state));
    const [rowsHere, otherRows] = [rows(here), rows(others)];
    const count = this.#query ? rowsHere.length : (presence?.onlineCount ?? 0);
    patch(this.#root, [
      this.#head(state),
      h(
        "div",
        { key: "scroll", class: "people-scroll" },
        this.#section("here", `Online — ${count.toLocaleString()}`, rowsHere),
        this.#section("others", presence?.isCounted ? "Members" : "Not online", otherRows),
        this.#note(rowsHere.length + otherRows.length),
      ),
    ]);
  }

  #head({ room }) {
    const change = ({ target }) => {
      this.#query = target.value.trim();
      this.#lookup.change(this.#query);
      this.#draw();
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
    const whole = handle ? `${name} (${handle})` : name; // who it is must be clear in a question, too
    const itemsNow = () =>
      memberMenu({ ...person, name: whole }, state, page, { mutes: this.#mutes, onChanged: this.#load });
    const menu = ({ currentTarget }) => openMenu({ anchor: currentTarget, items: itemsNow(), label: whole });
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
      itemsNow().length > 0 && iconButton("more", `Moderate ${whole}`, { class: "small", on: { click: menu } }),
    );
  }

  #note(count) {
    const lookup = this.#lookup;
    const button = (text, ask) => {
      const click = () => {
        void ask();
        this.#draw();
      };
      return h("button", { type: "button", class: "link", on: { click } }, text);
    };
    if (lookup.isAsking) {
      const isSeen = this.#query || this.#cursor || count === 0; // a list that is loaded again stays as it is
      return isSeen && h("p", { class: "timeline-note", role: "status" }, this.#query ? "Searching…" : "Loading…");
    }
    if (this.#error) {
      const retry = button("Retry", () => lookup.retry());
      return h("p", { class: "timeline-note", role: "alert" }, `${this.#error.message} `, retry);
    }
    if (this.#cursor) return button("Show more", () => lookup.more(this.#cursor));
    return count === 0 && h("p", { class: "timeline-note", role: "status" }, "Nobody has such a name.");
  }
}

/** Members are found by the beginnings of their user names, as the server does, or of words of their display names. */
function isFound({ username, displayName }, query) {
  const wanted = query.toLowerCase();
  const names = [username, displayName ?? "", ...(displayName ?? "").split(/\s+/)];
  return names.some((name) => name.toLowerCase().startsWith(wanted));
}
