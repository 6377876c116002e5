/** Which event of the server is handled by which method of Rooms. */

const onChange = (rooms, data) => rooms.onChange(data);
const EVENTS = {
  receiveMessage: (rooms, message) => rooms.receive(message),
  messageEdited: onChange,
  messageDeleted: onChange,
  reactionUpdated: onChange,
  roomUpdated: (rooms, { room }) => rooms.get(room.id) && rooms.onRoom({ room }), // the user may have left meanwhile
  roomActivity: (rooms, data) => rooms.onActivity(data),
  roomAdded: (rooms, data) => rooms.onRoom(data),
  roomClosed: (rooms, { roomId, reason }) => rooms.remove(roomId, reason),
  mention: (rooms, data) => rooms.onMention(data),
  messageReadUpdate: (rooms, data) => rooms.onRead(data),
};

/** Other events are ignored. */
export function handleRoomEvent(rooms, { event, data }) {
  if (Object.hasOwn(EVENTS, event)) EVENTS[event](rooms, data);
}
