/** Reads the list of the user's rooms over REST, page by page. */

const PAGES_MAX = 5; // of 100 rooms

/** Returns the rooms, and whether they are all. Throws ChatError. */
export async function readRoomList(api) {
  const rooms = [];
  let cursor = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const reply = await api.get("rooms", { mine: true, limit: 100, cursor });
    rooms.push(...reply.rooms);
    cursor = reply.nextCursor;
    if (!cursor) break;
  }
  return { rooms, isComplete: !cursor };
}
