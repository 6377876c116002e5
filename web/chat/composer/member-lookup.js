/**
 * The members of one room, found by name: those that are known at once, all others by asking the server. What was asked
 * is kept for a while, since each question counts as a request of the user.
 */

import { EVERYBODY } from "./mention-names.js";

const HELD_MAX = 500;
const KEPT_MS = 60_000;
const SHOWN_MAX = 8;

/** @typedef {{userId: string, username: string, displayName: string}} Found */

export class MemberLookup {
  #chat;
  #people;
  #roomId;
  #members = new Map(); // user name in lower case → {userId, username, displayName, until}
  #nobody = new Map(); // name in lower case → until when it is believed that no member has it
  #asked = new Map(); // what the server was asked → until when its answer is believed

  constructor({ chat, people, roomId }) {
    this.#chat = chat;
    this.#people = people;
    this.#roomId = roomId;
  }

  /** The id of the member with this name in lower case; null: there is none; undefined: not known. */
  idOf(name) {
    this.#takePresent();
    const member = this.#members.get(name);
    if (member && member.until > Date.now()) return member.userId;
    return (this.#nobody.get(name) ?? 0) > Date.now() ? null : undefined;
  }

  /** Members known so far whose user name or display name matches, those first that begin with it. */
  known(q) {
    this.#takePresent();
    const wanted = q.toLowerCase();
    const own = this.#chat.user?.id;
    const ranked = [...this.#members.values()]
      .filter(({ userId }) => userId !== own)
      .map((member) => ({ member: this.#named(member), rank: rankOf(this.#named(member), wanted) }))
      .filter(({ rank }) => rank >= 0);
    ranked.sort((one, other) => one.rank - other.rank || compare(one.member, other.member));
    return ranked.slice(0, SHOWN_MAX).map(({ member }) => member);
  }

  /** Whether the server has to be asked for more. */
  isAsked(q) {
    return (this.#asked.get(q.toLowerCase()) ?? 0) > Date.now();
  }

  /** Ask the server for the members whose user names begin with `q`. Throws ChatError. */
  async ask(q) {
    if (this.isAsked(q)) return;
    const { members } = await this.#chat.members(this.#roomId, { q, limit: 20 });
    const until = Date.now() + KEPT_MS;
    for (const member of members) this.#hold(member, until);
    this.#people.learnMembers(members);
    put(this.#asked, q.toLowerCase(), until);
    if (!members.some(({ username }) => username.toLowerCase() === q.toLowerCase())) {
      put(this.#nobody, q.toLowerCase(), until);
    }
  }

  /** Ask for each of these names until all are known, or one fails. */
  async resolve(names) {
    await Promise.all(names.filter((name) => name !== EVERYBODY).map((name) => this.ask(name)));
  }

  #takePresent() {
    const until = Date.now() + KEPT_MS;
    for (const person of this.#chat.presence?.of(this.#roomId)?.online.values() ?? []) this.#hold(person, until);
    const room = this.#chat.rooms?.get(this.#roomId)?.room;
    if (room?.peer) this.#hold({ ...room.peer, userId: room.peer.id }, until);
  }

  #named(member) {
    const known = this.#people.known(member.userId);
    return { ...member, displayName: known?.displayName ?? member.displayName ?? member.username };
  }

  #hold({ userId, username, displayName }, until) {
    put(this.#members, username.toLowerCase(), { userId, username, displayName, until });
  }
}

function put(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > HELD_MAX) map.delete(map.keys().next().value);
}

/** 0: the user name begins with it, 1: the display name or a word of it does, 2: it is within; -1: none of them. */
function rankOf({ username, displayName }, wanted) {
  const [user, display] = [username.toLowerCase(), displayName.toLowerCase()];
  if (user.startsWith(wanted)) return 0;
  if (display.split(/\s+/).some((word) => word.startsWith(wanted)) || display.startsWith(wanted)) return 1;
  return wanted.length > 1 && (user.includes(wanted) || display.includes(wanted)) ? 2 : -1;
}

function compare(one, other) {
  return one.username.localeCompare(other.username);
}
