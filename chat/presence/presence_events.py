"""The presence events that this process sends to its own connections: userJoined, userLeft, presenceUpdate, and for
large rooms roomPresence.

Every process knows who is connected anywhere, and sends these events to its own connections only.

Where many come into a room at once, each event to each of them would be a square: the first 200 of a herd cost 20,000
sends, a fifth of the CPU that 1,000 connects took. So past AT_ONCE_MAX events of a room in WINDOW_S the others go out
together at the end of that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chat.codec import Codec
from chat.events import PresenceChanged, PresenceUpdate, RoomPresence, UserJoined, UserLeft
from chat.presence.online_members import OnlineMembers
from chat.presence.person import Person
from cluster.events import RoomEphemeral
from store.models import Status

WINDOW_S = 0.1
AT_ONCE_MAX = 10
GATHERED_MAX = 1_000  # events of a room in one window; further ones are dropped, as ephemeral events may be


class PresenceEvents:
    """Changes who is online and sends what follows from the change.

    `deliver` sends an ephemeral event to the connections of this process that have joined the room.
    """

    def __init__(
        self,
        *,
        online_members: OnlineMembers,
        codec: Codec,
        deliver: Callable[[RoomEphemeral], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._online_members = online_members
        self._codec = codec
        self._deliver = deliver
        self._loop = loop
        self._window: asyncio.TimerHandle | None = None  # the end of the present one
        self._sent: dict[str, int] = {}  # room id → events in this window
        self._gathered: dict[str, list[RoomEphemeral]] = {}  # room id → those that wait for its end
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
        happening = RoomEphemeral(room_id, payload, person.user_id)
        if self._window is None:
            self._window = self._loop.call_later(WINDOW_S, self._end_window)
        sent = self._sent[room_id] = self._sent.get(room_id, 0) + 1
        if sent <= AT_ONCE_MAX:
            self._deliver(happening)
        elif sent <= AT_ONCE_MAX + GATHERED_MAX:
            self._gathered.setdefault(room_id, []).append(happening)

    def _end_window(self) -> None:
        """Send what was gathered; of these rooms the next window gathers everything."""
        gathered, self._gathered = self._gathered, {}
        self._sent = dict.fromkeys(gathered, AT_ONCE_MAX)
        self._window = self._loop.call_later(WINDOW_S, self._end_window) if gathered else None
        for events in gathered.values():
            for happening in events:
                self._deliver(happening)

    def send_counts(self) -> None:
        """Send roomPresence to the large rooms whose count changed; to be called once a second."""
        changed, self._changed_counts = self._changed_counts, set()
        for room_id in changed:
            payload = self._codec.event(RoomPresence(room_id, self._online_members.online_count(room_id)))
            self._deliver(RoomEphemeral(room_id, payload, None))

    def close(self) -> None:
        """Forget what waits for the end of its window."""
        if self._window is not None:
            self._window.cancel()
