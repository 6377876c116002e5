/** Why nothing can be written in a room, and how long its slow mode lets its members wait. */

/**
 * The reason why nothing can be written, `{text, until?, blockedId?}`, or null. `now`: a Date. `time(date, now)`: how a
 * moment is said. `blocks`: the ids of those whom the user has blocked. `blockedId`: of who is to be unblocked before.
 * @returns {{text: string, until?: number, blockedId?: string} | null}
 */
export function reasonOfSilence(room, { now, time, blocks }) {
  const { kind, peer } = room;
  if (kind === "direct" && blocks.has(peer?.id)) return { text: "You blocked this person.", blockedId: peer.id };
  if (room.archivedAt) return { text: "This room is archived: it can be read, and nothing can be written in it." };
  const until = room.mutedUntil ? Date.parse(room.mutedUntil) : 0;
  if (until <= now.getTime()) return null;
  const isLong = until - now.getTime() > 365 * 86_400_000;
  return { text: `You are muted in this room${isLong ? "" : ` until ${time(new Date(until), now)}`}.`, until };
}

/** Counts the wait of slow mode from when a message of one's own is first seen, as clocks differ. */
export class SlowMode {
  #seen = null; // {id, until}; the newest of one's own messages, and when the next may follow
  #now;

  constructor({ now = Date.now } = {}) {
    this.#now = now;
  }

  /** How many ms the user has to wait. `messages`: of the room, ascending. */
  waitMs(room, messages, userId) {
    if (!room.slowModeS || room.role !== "member") return 0;
    const newest = messages.findLast((message) => message.userId === userId);
    if (!newest) return 0;
    const { slowModeS } = room;
    if (this.#seen?.id !== newest.id || this.#seen.slowModeS !== slowModeS) {
      const left = Date.parse(newest.createdAt) + slowModeS * 1000 - this.#now();
      const until = this.#now() + Math.min(slowModeS * 1000, Math.max(0, left));
      this.#seen = { id: newest.id, slowModeS, until };
    }
    return Math.max(0, this.#seen.until - this.#now());
  }
}

/** "45 s", "2 min", "1 h" */
export function durationLabel(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3600)} h`;
}
