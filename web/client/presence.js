/**
 * Who is online and who is typing, by room. This is ephemeral: it is loaded again for each connection. Also sends the
 * user's own typing events and read marks, throttled, because they share one rate limit.
 */

const TYPING_AGAIN_MS = 4000; // a typing event expires after 6 s
const READ_AGAIN_MS = 3000;

/** Events: `people`, `typing` (detail {roomId}), `read` (detail: what the server answers to a read mark). */
export class Presence extends EventTarget {
  #people = new Map(); // roomId → {onlineCount, online: Map(userId → {userId, username, status}), isCounted}
  #typing = new Map(); // roomId → Map(userId → {username, timer})
  #typingSentAt = new Map(); // roomId → when startTyping was last sent
  #reads = new Map(); // roomId → {sentAt, wanted, done, timer}; wanted and done are seqs
  #limitedUntil = 0;

  /** `timed`: the monotonic clock of ChatClient, in ms. */
  constructor({ connection, timed }) {
    super();
    this.connection = connection;
    this.timed = timed;
    connection.addEventListener("event", ({ detail }) => EVENTS[detail.event]?.(this, detail.data));
    connection.addEventListener("welcome", () => this.#sendReads());
    connection.addEventListener("state", () => !connection.isOnline && this.#reset());
  }

  // ---- other people -------------------------------------------------------------------------------------------------

  /** `{onlineCount, online, isCounted}`, or null if not loaded. `isCounted`: `online` does not name everybody. */
  of(roomId) {
    return this.#people.get(roomId) ?? null;
  }

  typists(roomId) {
    return [...(this.#typing.get(roomId)?.values() ?? [])].map((typist) => typist.username);
  }

  /** Load who is online in a room. */
  async load(roomId) {
    const found = await this.#commandOrNull("getPresence", { roomId });
    if (!found) return;
    const online = new Map(found.online.map((person) => [person.userId, person]));
    this.#people.set(roomId, { onlineCount: found.onlineCount, online, isCounted: found.onlineCount > online.size });
    this.#emit("people", roomId);
  }

  onPresence({ roomId, userId, username, status }, isPresent) {
    const people = this.of(roomId);
    if (!people) return;
    const wasPresent = people.online.has(userId);
    if (isPresent) people.online.set(userId, { userId, username, status: status ?? "online" });
    else people.online.delete(userId);
    people.onlineCount = Math.max(people.online.size, people.onlineCount + Number(isPresent) - Number(wasPresent));
    this.#emit("people", roomId);
    if (!isPresent) this.onTyping({ roomId, userId, isTyping: false });
  }

  onCount({ roomId, onlineCount }) {
    const people = this.of(roomId);
    if (!people) return;
    Object.assign(people, { onlineCount, isCounted: true });
    this.#emit("people", roomId);
  }

  /** @param {{roomId: string, userId: string, username?: string, isTyping: boolean, expiresInMs?: number}} event */
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
    this.#emit("typing", roomId);
  }

  /** The server sends no event about the user's own status. */
  setOwnStatus(userId, username, status) {
    for (const roomId of this.#people.keys())
      this.onPresence({ roomId, userId, username, status }, status !== "offline");
  }

  /** The user has left the room. */
  forget(roomId) {
    this.forgetRead(roomId);
    for (const { timer } of this.#typing.get(roomId)?.values() ?? []) clearTimeout(timer);
    for (const known of [this.#people, this.#typing, this.#typingSentAt]) known.delete(roomId);
  }

  #reset() {
    for (const [roomId, typists] of this.#typing) {
      for (const { timer } of typists.values()) clearTimeout(timer);
      this.#typing.delete(roomId);
      this.#emit("typing", roomId);
    }
    this.#typingSentAt.clear();
    for (const read of this.#reads.values()) clearTimeout(read.timer);
  }

  // ---- the user's own -----------------------------------------------------------------------------------------------

  /** A key was pressed. */
  typing(roomId) {
    if (this.timed() - (this.#typingSentAt.get(roomId) ?? -Infinity) < TYPING_AGAIN_MS) return;
    this.#typingSentAt.set(roomId, this.timed());
    void this.#commandOrNull("startTyping", { roomId });
  }

  /** The draft is empty or was sent. With `sent` no command is needed: the message itself ends the typing. */
  stopTyping(roomId, { sent = false } = {}) {
    const sentAt = this.#typingSentAt.get(roomId);
    if (sentAt === undefined) return;
    this.#typingSentAt.delete(roomId);
    if (!sent && this.timed() - sentAt < 6000) void this.#commandOrNull("stopTyping", { roomId });
  }

  /** The user has read up to `seq`. */
  read(roomId, seq) {
    const read = this.#reads.get(roomId) ?? { sentAt: -Infinity, wanted: 0, done: 0, timer: null };
    if (seq <= read.wanted) return;
    read.wanted = seq;
    clearTimeout(read.timer);
    this.#reads.set(roomId, read);
    const waitMs = read.sentAt + READ_AGAIN_MS - this.timed();
    if (waitMs > 0) read.timer = setTimeout(() => this.#sendRead(roomId, read), waitMs);
    else void this.#sendRead(roomId, read); // at once: the page may be about to close
  }

  /** The room's seqs begin again below what was read: the server came back from a backup. */
  forgetRead(roomId) {
    clearTimeout(this.#reads.get(roomId)?.timer);
    this.#reads.delete(roomId);
  }

  #sendReads() {
    for (const [roomId, read] of this.#reads) this.#sendRead(roomId, read);
  }

  async #sendRead(roomId, read) {
    if (!this.connection.isOnline || read.done >= read.wanted) return;
    const seq = read.wanted;
    read.sentAt = this.timed();
    try {
      const state = await this.connection.command("messageRead", { roomId, seq });
      read.done = Math.max(read.done, seq);
      this.dispatchEvent(new CustomEvent("read", { detail: state }));
    } catch (error) {
      if (!error.retryAfterS) return; // retried with the next message or connection
      clearTimeout(read.timer);
      read.timer = setTimeout(() => this.#sendRead(roomId, read), error.retryAfterS * 1000);
    }
  }

  /** Send a command; returns null if it fails. After `rate_limited` no such command is sent until `retryAfterS`. */
  async #commandOrNull(event, data) {
    if (!this.connection.isOnline || this.timed() < this.#limitedUntil) return null;
    try {
      return await this.connection.command(event, data);
    } catch (error) {
      if (error.retryAfterS) this.#limitedUntil = this.timed() + error.retryAfterS * 1000;
      return null;
    }
  }

  #emit(name, roomId) {
    this.dispatchEvent(new CustomEvent(name, { detail: { roomId } }));
  }
}

const EVENTS = {
  userJoined: (presence, data) => presence.onPresence(data, true),
  userLeft: (presence, data) => presence.onPresence(data, false),
  presenceUpdate: (presence, data) => presence.onPresence(data, data.status !== "offline"),
  roomPresence: (presence, data) => presence.onCount(data),
  typingStatus: (presence, data) => presence.onTyping(data),
  receiveMessage: (presence, { roomId, userId }) => presence.onTyping({ roomId, userId, isTyping: false }),
};
