"""Tells authors' connections that their own message has moved their read mark.

The write path only notes who has posted, and nothing for an author without another connection that could hear of it.
The read states are read from the store afterwards, those of all authors of a moment at once: one read is under way,
and what is noted during it is in the next. A hint that is lost is replaced by the author's next message, and by
GET /rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from chat.codec import Codec
from chat.events import MessageReadUpdate
from cluster.contract import Bus
from cluster.events import UserEvent
from cluster.topics import reading_order, user_topic
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import StoreError
from store.models import read_state

WAITING_MAX = 10_000  # (room, author) pairs that wait for a read; nobody hears of further ones
BATCH_MAX = 100


class OwnMessageReads:
    """Publishes the read states of those who have posted, to all their connections.

    `connections_of(user id)` is how many connections a user has, of which those to another process may count as one.
    `waiting_max` bounds those who wait for a read.
    """

    def __init__(
        self,
        *,
        store: Store,
        bus: Bus,
        codec: Codec,
        connections_of: Callable[[str], int],
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._store = store
        self._bus = bus
        self._codec = codec
        self._connections_of = connections_of
        self._waiting_max = waiting_max
        self._waiting: dict[tuple[str, str], None] = {}
        self._tasks = SerialTaskQueue(expected=(StoreError,))

    def note(self, room_id: str, user_id: str, *, by_rest: bool) -> None:
        """A user's message was stored. A message that came by a connection is no news to that one."""
        if self._connections_of(user_id) <= (0 if by_rest else 1):
            return
        if len(self._waiting) >= self._waiting_max:
            return
        self._waiting[room_id, user_id] = None
        if not self._tasks.is_busy:
            self._tasks.run(self._publish_waiting)

    async def _publish_waiting(self) -> None:
        """Raises StoreError: then the hints of that read are lost."""
        while self._waiting:
            pairs = list(islice(self._waiting, BATCH_MAX))
            for pair in pairs:
                del self._waiting[pair]  # before the read: a message that is stored during it wants another
            standings = await self._store.members.standings(pairs)
            for (room_id, user_id), standing in zip(pairs, standings, strict=True):
                if standing is None or standing.membership is None:
                    continue
                state = read_state(room_id, standing.membership)
                event = self._codec.event(MessageReadUpdate(state))
                await self._bus.publish(user_topic(user_id), UserEvent(user_id, event, *reading_order(state)))

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()
