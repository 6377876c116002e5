/**
 * The other people of direct rooms, by whose names those rooms are shown. No event tells that somebody's profile
 * changed: it is taken from wherever it is read, and read again when the room is opened.
 */

const READ_AGAIN_MS = 60_000;

export class RoomPeers {
  #readAt = new Map(); // roomId → when its peer was last read, on the clock `timed`

  /** `people`: the client's PeopleApi. `timed`: a monotonic clock, in ms. */
  constructor({ rooms, people, timed }) {
    this.rooms = rooms;
    this.people = people;
    this.timed = timed;
    rooms.addEventListener("closed", ({ detail }) => this.#readAt.delete(detail.roomId));
  }

  /** Profiles were read, whole or in part: direct rooms show what is new of them. */
  note(users) {
    const known = new Map(users.map((user) => [user.id, user]));
    const changed = this.rooms.all.filter(({ room }) => isNews(room.peer, known.get(room.peer?.id)));
    for (const { room } of changed) room.peer = { ...room.peer, ...known.get(room.peer.id) };
    if (changed.length > 0) this.rooms.emit("list");
  }

  /** A room was opened. If this fails, the next opening retries. */
  async refresh(roomId) {
    const { peer } = this.rooms.get(roomId)?.room ?? {};
    if (!peer || this.timed() - (this.#readAt.get(roomId) ?? -Infinity) < READ_AGAIN_MS) return;
    this.#readAt.set(roomId, this.timed());
    try {
      this.note([await this.people.get(peer.id)]);
    } catch {
      this.#readAt.delete(roomId);
    }
  }
}

function isNews(peer, user) {
  return user !== undefined && Object.entries(user).some(([name, value]) => peer[name] !== value);
}
