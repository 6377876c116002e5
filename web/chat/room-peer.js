/** The other person of a direct room. */

/** Their status: by the presence of the room where that is known, else as the list said. */
export function peerStatus({ id, peer }, chat) {
  const people = chat.presence?.of(id);
  if (!people) return peer?.status ?? "offline";
  return people.online.get(peer?.id)?.status ?? "offline";
}
