/**
 * The rooms as a page may keep them for its next start: plain JSON. What is restored is shown until the server has
 * said what is true, and resumed from like after a lost connection.
 */

const ROOMS_MAX = 500; // as many as are listed
const TIMELINES_MAX = 30;
const MESSAGES_MAX = 50;

/**
 * @typedef {import("./types.js").RoomsSnapshot} RoomsSnapshot
 */

/**
 * The list, and the newest messages of the rooms that were opened last.
 * @param {import("./rooms.js").Rooms} rooms
 * @returns {RoomsSnapshot}
 */
export function snapshotOf(rooms) {
  const opened = rooms.openedIds.map((id) => rooms.get(id));
  const kept = opened.filter((state) => state?.isLoaded && !state.timeline.isDetached);
  return {
    rooms: rooms.all.slice(0, ROOMS_MAX).map(({ room }) => ({ ...room })),
    timelines: kept.slice(0, TIMELINES_MAX).map(({ room, timeline }) => ({
      roomId: room.id,
      head: timeline.head,
      rev: timeline.rev,
      messages: timeline.held.slice(-MESSAGES_MAX),
    })),
  };
}

/**
 * Add the rooms of a snapshot that are not known yet, marked as stale. What is not of its shape is left out.
 * @param {import("./rooms.js").Rooms} rooms
 * @param {RoomsSnapshot} snapshot
 */
export function restoreInto(rooms, snapshot) {
  const added = new Map();
  for (const room of listOf(snapshot.rooms, ROOMS_MAX).filter(isRoom)) {
    if (!rooms.get(room.id)) added.set(room.id, Object.assign(rooms.add({ ...room }), { isStale: true, listing: -1 }));
  }
  for (const { roomId, head, rev, messages } of listOf(snapshot.timelines, TIMELINES_MAX)) {
    const state = added.get(roomId);
    const found = listOf(messages, MESSAGES_MAX).filter((message) => Number.isInteger(message?.seq));
    const isWhole = Number.isInteger(head) && Number.isInteger(rev) && (found.at(-1)?.seq ?? 0) === head;
    if (!state || !isWhole) continue;
    state.timeline.reset({ seq: head, rev });
    state.timeline.merge(found);
    state.isLoaded = true;
    rooms.openedIds.push(roomId);
  }
}

/** Remember that a room was opened: the latest first. */
export function noteOpened(openedIds, roomId) {
  const others = openedIds.filter((id) => id !== roomId);
  openedIds.splice(0, openedIds.length, roomId, ...others.slice(0, TIMELINES_MAX - 1));
}

function listOf(value, max) {
  return (Array.isArray(value) ? value : []).slice(0, max).filter((one) => one !== null && typeof one === "object");
}

function isRoom({ id, lastSeq, rev }) {
  return typeof id === "string" && Number.isInteger(lastSeq) && Number.isInteger(rev);
}
