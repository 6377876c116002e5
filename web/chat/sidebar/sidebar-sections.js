/** Which room stands in which section of the sidebar, and in what order. Pure. */

/**
 * `{starred, rooms, direct}`: each a list of room states, by name. A starred room is in `starred` alone.
 * `nameOf(room)`: the name that it is shown with.
 */
export function sidebarSections(states, { stars, nameOf }) {
  const named = states.map((state) => ({ state, name: nameOf(state.room) }));
  named.sort((one, other) => one.name.localeCompare(other.name) || (one.state.room.id < other.state.room.id ? -1 : 1));
  const sections = { starred: [], rooms: [], direct: [] };
  const starred = new Set(stars);
  for (const { state } of named) {
    const own = state.room.kind === "direct" ? "direct" : "rooms";
    sections[starred.has(state.room.id) ? "starred" : own].push(state);
  }
  return sections;
}

/** The rooms of a section that are shown: of a collapsed one those that are unread, and the one that is open. */
export function shownOf(states, { isCollapsed, roomId, isUnread }) {
  return isCollapsed ? states.filter((state) => isUnread(state) || state.room.id === roomId) : states;
}
