/**
 * Which members of a room are muted, as far as is known: lists of members do not tell, but the newest entries of the
 * room's audit trail do, and the answers to what was done here. The trail is kept for longer than the mutes that this
 * page gives last.
 */

const NOTHING = { entries: [], nextCursor: "unknown" };

export class RoomMutes {
  #until = new Map(); // userId → ms since the epoch; 0: not muted
  #isAsked = false;
  #isWhole = false; // there are no entries but those that were read

  /** Read, once, what moderators are told. What was learned meanwhile is newer. */
  async load(chat, { id, kind, role }) {
    if (this.#isAsked || kind === "direct" || (role !== "moderator" && role !== "owner")) return;
    this.#isAsked = true;
    const { entries, nextCursor } = await chat.api.rooms.audit(id).catch(() => NOTHING);
    for (const { action, userId, details } of entries) {
      const isOfMutes = action === "mute" || action === "unmute";
      if (isOfMutes && !this.#until.has(userId)) this.learn({ userId, mutedUntil: details?.mutedUntil });
    }
    this.#isWhole = nextCursor === null;
  }

  /** Take a member as the answer to a change has it. */
  learn({ userId, mutedUntil }) {
    this.#until.set(userId, mutedUntil ? Date.parse(mutedUntil) : 0);
  }

  /** Until when a member is muted, in ms since the epoch: 0 if they are not, undefined if that is not known. */
  until(userId) {
    return this.#until.get(userId);
  }

  /** Whether a member is muted now; null if that is not known. */
  isMuted(userId) {
    const until = this.until(userId);
    return until === undefined ? (this.#isWhole ? false : null) : until > Date.now();
  }
}
