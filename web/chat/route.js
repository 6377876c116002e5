/** What the address names: the room, what the right panel shows, and the message to go to. Pure. */

export const PANELS = new Set([
  ...["thread", "search", "people", "files", "profile"],
  ...["unread", "mentions", "reports", "audit"],
]);

/** No room, no panel. */
export const NOWHERE = Object.freeze({ roomId: null, panel: null, id: null, within: null, at: null });

/**
 * `{roomId, panel, id, within, at}` of a location's hash. `id`: what the panel is about: a message (thread), a user
 * (profile), or the query (search), which `within` restricts to a room. `at`: the seq of a message to go to. What is
 * not understood is left out.
 */
export function parseRoute(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const panel = PANELS.has(fields.get("panel") ?? "") ? fields.get("panel") : null;
  const at = /^[1-9]\d{0,15}$/.test(fields.get("at") ?? "") ? Number(fields.get("at")) : null;
  const roomId = fields.get("room") || null;
  const id = panel && (fields.get("id") || null);
  const within = (panel === "search" && id && fields.get("within")) || null;
  return { roomId, panel, id, within, at: roomId && at };
}

/** The hash that names a route; "" for nowhere. */
export function formatRoute({ roomId, panel, id, within = null, at }) {
  const isRestricted = panel === "search" && id;
  const about = { panel, id: panel && id, within: isRestricted ? within : null };
  const fields = Object.entries({ room: roomId, ...about, at: roomId && at });
  const text = fields
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
  return text ? `#${text}` : "";
}
