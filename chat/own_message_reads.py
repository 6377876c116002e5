"""Tells authors' connections that their own message has moved their read mark.

The write path only notes who has posted, and nothing for an author without another connection that could hear of it.
The read states are read from the store afterwards, those of all authors of a moment at once: one read is under way,
and what is noted during it is in the next. The first message of an author in a room is told at once, those of the next
second in one event at its end: without that pace a user with many connections who posts often doubled the frames of a
fan-out (measured: 14 instead of 9 µs a delivery). A hint that is lost is replaced by the author's next message, and
by GET /rooms.
"""

from __future__ import annotations

from collections.abc import Callable

from chat.codec import Codec
from chat.events import MessageReadUpdate
from chat.recheck_requests import MembershipKey
from cluster.contract import Bus
from cluster.events import UserEvent
from cluster.topics import reading_order, user_topic
from common.in_parts import take_first
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import StoreError
from store.models import read_state

TELL_EVERY_S = 1.0  # of one author in one room
WAITING_MAX = 10_000  # (room, author) pairs that wait for a read or were told lately; nobody hears of further ones
BATCH_MAX = 100


class OwnMessageReads:
    """Publishes the read states of those who have posted, to all their connections.

    `connections_of(user id)` is how many connections a user has, of which those to another process may count as one.
    `waiting_max` bounds those who wait for a read and those who were told lately. `now` is monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        codec: Codec,
        connections_of: Callable[[str], int],
        now: Callable[[], float],
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._store = store
        self._bus = bus
        self._codec = codec
        self._connections_of = connections_of
        self._now = now
        self._waiting_max = waiting_max
        self._due: dict[MembershipKey, None] = {}
        self._told_at: dict[MembershipKey, float] = {}  # in the order of the times
        self._later: set[MembershipKey] = set()  # those of `_told_at` that have posted again
        self._tasks = SerialTaskQueue(expected=(StoreError,))

    def note(self, room_id: str, user_id: str, *, by_rest: bool) -> None:
        """A user's message was stored. A message that came by a connection is no news to that one."""
        if self._connections_of(user_id) <= (0 if by_rest else 1):
            return
        pair = room_id, user_id
        if pair in self._told_at:
            self._later.add(pair)
        elif len(self._due) + len(self._told_at) < self._waiting_max:
            self._due[pair] = None
            self._publish_soon()

    def tick(self) -> None:
        """Tell those who have posted again since they were told, a second ago; to be called several times a second."""
        before = self._now() - TELL_EVERY_S
        while self._told_at:
            pair, told_at = next(iter(self._told_at.items()))
            if told_at > before:
                break
            del self._told_at[pair]
            if pair in self._later:
                self._later.remove(pair)
                self._due[pair] = None
        self._publish_soon()

    def _publish_soon(self) -> None:
        if self._due and not self._tasks.is_busy:
            self._tasks.run(self._publish_due)

    async def _publish_due(self) -> None:
        """Raises StoreError: then the hints of that read are lost."""
        while self._due:
            pairs = take_first(self._due, BATCH_MAX)
            # Before the read: a message that is stored during it wants another
            self._told_at |= dict.fromkeys(pairs, self._now())
            standings = await self._store.members.standings(pairs)
            for (room_id, user_id), standing in zip(pairs, standings, strict=True):
                if standing is None or standing.membership is None:
                    continue
                state = read_state(room_id, standing.membership)
                event = self._codec.event(MessageReadUpdate(state))
                self._bus.publish(user_topic(user_id), UserEvent(user_id, event, *reading_order(state)))

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()
