"""The presence events that this process sends to its own connections: userJoined, userLeft, presenceUpdate, and for
large rooms roomPresence.

Every process knows who is connected anywhere, and sends these events to its own connections only.
"""

from __future__ import annotations

from collections.abc import Callable

from chat.codec import Codec
from chat.events import PresenceChanged, PresenceUpdate, RoomPresence, UserJoined, UserLeft
from chat.presence.online_members import OnlineMembers
from chat.presence.person import Person
from cluster.events import RoomEphemeral
from store.models import Status


class PresenceEvents:
    """Changes who is online and sends what follows from the change.

    `deliver` sends an ephemeral event to the connections of this process that have joined the room.
    """

    def __init__(
        self, *, online_members: OnlineMembers, codec: Codec, deliver: Callable[[RoomEphemeral], None]
    ) -> None:
        self._online_members = online_members
        self._codec = codec
        self._deliver = deliver
        self._changed_counts: set[str] = set()  # large rooms whose count changed after `send_counts` last ran

    def came_online(self, room_id: str, person: Person) -> None:
        """Add a person to the room's online members, and send userJoined."""
        self._online_members.add(room_id, person)
        self._send(UserJoined, room_id, person, person.status)

    def went_offline(self, room_id: str, person: Person) -> None:
        """Remove a person from the room's online members, and send userLeft."""
        was_large = self._online_members.is_large(room_id)
        if self._online_members.remove(room_id, person):
            self._send(UserLeft, room_id, person, Status.OFFLINE, only_count=was_large)

    def status_changed(self, room_id: str, person: Person) -> None:
        """Send the new status of a person who stays online."""
        self._send(PresenceUpdate, room_id, person, person.status)

    def _send(
        self,
        event: type[PresenceChanged],
        room_id: str,
        person: Person,
        status: Status,
        *,
        only_count: bool = False,
    ) -> None:
        if only_count or self._online_members.is_large(room_id):
            self._changed_counts.add(room_id)
            return
        payload = self._codec.event(event(room_id, person.user_id, person.username, status))
        self._deliver(RoomEphemeral(room_id, payload, person.user_id))

    def send_counts(self) -> None:
        """Send roomPresence to the large rooms whose count changed; to be called once a second."""
        changed, self._changed_counts = self._changed_counts, set()
        for room_id in changed:
            payload = self._codec.event(RoomPresence(room_id, self._online_members.online_count(room_id)))
            self._deliver(RoomEphemeral(room_id, payload, None))
