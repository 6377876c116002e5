/**
 * Who is here and who is typing, by room; ephemeral, so it is asked for anew with every connection. Also what one
 * tells of oneself: typing and read marks, sent as sparingly as they are still useful, for they share one limit.
 */

const TYPING_AGAIN_MS = 4000; // others forget after 6 s
const READ_AGAIN_MS = 3000;

/** Events: `people`, `typing` (detail {roomId}). */
export class Presence extends EventTarget {
  #people = new Map(); // roomId → {onlineCount, online: Map(userId → {userId, username, status}), isCounted}
  #typing = new Map(); // roomId → Map(userId → {username, timer})
  #typed = new Map(); // roomId → when one last told that one types
  #reads = new Map(); // roomId → {told, wanted, timer}
  #quietUntil = 0;

  /** `timed`: the clock of ChatClient by which durations are measured, in ms. */
  constructor({ link, timed }) {
    super();
    this.link = link;
    this.timed = timed;
    link.addEventListener("event", ({ detail }) => EVENTS[detail.event]?.(this, detail.data));
    link.addEventListener("welcome", () => this.#sendReads());
    link.addEventListener("state", () => !link.isOnline && this.#forget());
  }

  // ---- others -------------------------------------------------------------------------------------------------------

  /** `{onlineCount, online, isCounted}`, or null if it was not asked for. `isCounted`: too many to be named. */
  of(roomId) {
    return this.#people.get(roomId) ?? null;
  }

  typists(roomId) {
    return [...(this.#typing.get(roomId)?.values() ?? [])].map((typist) => typist.username);
  }

  /** Ask who is here. */
  async load(roomId) {
    const found = await this.#quietly("getPresence", { roomId });
    if (!found) return;
    const online = new Map(found.online.map((person) => [person.userId, person]));
    this.#people.set(roomId, { onlineCount: found.onlineCount, online, isCounted: found.onlineCount > online.size });
    this.#tell("people", roomId);
  }

  onPerson({ roomId, userId, username, status }, isHere) {
    const people = this.of(roomId);
    if (!people) return;
    const wasHere = people.online.has(userId);
    if (isHere) people.online.set(userId, { userId, username, status: status ?? "online" });
    else people.online.delete(userId);
    people.onlineCount = Math.max(people.online.size, people.onlineCount + Number(isHere) - Number(wasHere));
    this.#tell("people", roomId);
    if (!isHere) this.onTyping({ roomId, userId, isTyping: false });
  }

  onCount({ roomId, onlineCount }) {
    const people = this.of(roomId);
    if (!people) return;
    Object.assign(people, { onlineCount, isCounted: true });
    this.#tell("people", roomId);
  }

  onTyping({ roomId, userId, username, isTyping, expiresInMs }) {
    const typists = this.#typing.get(roomId) ?? new Map();
    const known = typists.get(userId);
    if (!known && !isTyping) return;
    clearTimeout(known?.timer);
    typists.delete(userId);
    if (isTyping) {
      const timer = setTimeout(() => this.onTyping({ roomId, userId, isTyping: false }), expiresInMs);
      typists.set(userId, { username, timer });
    }
    this.#typing.set(roomId, typists);
    this.#tell("typing", roomId);
  }

  /** One's own status is not told to oneself. */
  noteOwn(userId, username, status) {
    for (const roomId of this.#people.keys()) this.onPerson({ roomId, userId, username, status }, status !== "offline");
  }

  #forget() {
    for (const [roomId, typists] of this.#typing) {
      for (const { timer } of typists.values()) clearTimeout(timer);
      this.#typing.delete(roomId);
      this.#tell("typing", roomId);
    }
    this.#typed.clear();
    for (const read of this.#reads.values()) clearTimeout(read.timer);
  }

  // ---- oneself ------------------------------------------------------------------------------------------------------

  /** A key was pressed. */
  typing(roomId) {
    if (this.timed() - (this.#typed.get(roomId) ?? -Infinity) < TYPING_AGAIN_MS) return;
    this.#typed.set(roomId, this.timed());
    void this.#quietly("startTyping", { roomId });
  }

  /** What was typed is gone; `sent`: the server knows that by itself. */
  stopTyping(roomId, { sent = false } = {}) {
    const typedAt = this.#typed.get(roomId);
    if (typedAt === undefined) return;
    this.#typed.delete(roomId);
    if (!sent && this.timed() - typedAt < 6000) void this.#quietly("stopTyping", { roomId });
  }

  /** The newest message in view is `seq`. */
  read(roomId, seq) {
    const read = this.#reads.get(roomId) ?? { told: -Infinity, wanted: 0, done: 0, timer: null };
    if (seq <= read.wanted) return;
    read.wanted = seq;
    clearTimeout(read.timer);
    this.#reads.set(roomId, read);
    read.timer = setTimeout(() => this.#sendRead(roomId, read), Math.max(0, read.told + READ_AGAIN_MS - this.timed()));
  }

  #sendReads() {
    for (const [roomId, read] of this.#reads) this.#sendRead(roomId, read);
  }

  async #sendRead(roomId, read) {
    if (!this.link.isOnline || read.done >= read.wanted) return;
    const seq = read.wanted;
    read.told = this.timed();
    try {
      await this.link.command("messageRead", { roomId, seq });
      read.done = Math.max(read.done, seq);
    } catch (error) {
      if (!error.retryAfterS) return; // with the next message, or the next connection
      clearTimeout(read.timer);
      read.timer = setTimeout(() => this.#sendRead(roomId, read), error.retryAfterS * 1000);
    }
  }

  /** A command nobody waits for: null if it was refused or not sent, and none for a while after a limit. */
  async #quietly(event, data) {
    if (!this.link.isOnline || this.timed() < this.#quietUntil) return null;
    try {
      return await this.link.command(event, data);
    } catch (error) {
      if (error.retryAfterS) this.#quietUntil = this.timed() + error.retryAfterS * 1000;
      return null;
    }
  }

  #tell(name, roomId) {
    this.dispatchEvent(new CustomEvent(name, { detail: { roomId } }));
  }
}

const EVENTS = {
  userJoined: (presence, data) => presence.onPerson(data, true),
  userLeft: (presence, data) => presence.onPerson(data, false),
  presenceUpdate: (presence, data) => presence.onPerson(data, data.status !== "offline"),
  roomPresence: (presence, data) => presence.onCount(data),
  typingStatus: (presence, data) => presence.onTyping(data),
  receiveMessage: (presence, { roomId, userId }) => presence.onTyping({ roomId, userId, isTyping: false }),
};
