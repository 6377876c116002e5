"""Publishes which rooms this process has written messages to: one event for all of them, at most once a second.

The write path only notes the newest seq of a room. Everything else is done once a second, however many messages there
were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from cluster.contract import Bus
from cluster.events import RoomsActive
from cluster.topics import EVERYONE
from common.in_parts import in_parts
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import StoreError

PUBLISH_EVERY_S = 1.0
LARGE_MEMBERS = 1_000  # a room with more of them is large: its members are told more rarely
ROOMS_MAX = 10_000  # active in one second; activity of further rooms is not published
ROOMS_AN_EVENT = 500
SIZE_KNOWN_S = 60.0  # how long the number of a room's members is trusted
SIZES_MAX = 20_000


class RoomActivityPublisher:
    """Publishes on `bus` what was noted. `now` is monotonic, in seconds."""

    def __init__(self, *, store: Store, bus: Bus, now: Callable[[], float]) -> None:
        self._store = store
        self._bus = bus
        self._now = now
        self._newest: dict[str, int] = {}
        self._sizes: dict[str, tuple[bool, float]] = {}  # room id → whether it is large, and when that was read
        self._published_at = float("-inf")
        self._tasks = SerialTaskQueue(expected=(StoreError,))

    def note(self, room_id: str, seq: int) -> None:
        """A message was stored. Called for each commit, so it does next to nothing."""
        newest = self._newest
        if len(newest) < ROOMS_MAX or room_id in newest:
            newest[room_id] = max(seq, newest.get(room_id, 0))

    def tick(self) -> None:
        """Publish what was noted, if the last event is a second old; to be called several times a second."""
        now = self._now()
        if self._newest and now - self._published_at >= PUBLISH_EVERY_S and not self._tasks.is_busy:
            self._published_at = now
            newest, self._newest = self._newest, {}
            self._tasks.run(lambda: self._publish(newest))

    async def _publish(self, newest: Mapping[str, int]) -> None:
        """Raises StoreError: then the hints of a second are lost, and the next ones replace them."""
        for part in in_parts(list(newest), ROOMS_AN_EVENT):
            large = await self._large_among(part)
            heads = [(room_id, newest[room_id]) for room_id in part]
            happening = RoomsActive(
                rooms=tuple(head for head in heads if head[0] not in large),
                large_rooms=tuple(head for head in heads if head[0] in large),
            )
            self._bus.publish(EVERYONE, happening)

    async def _large_among(self, room_ids: Sequence[str]) -> set[str]:
        sizes, now = self._sizes, self._now()
        unknown = [one for one in room_ids if one not in sizes or now - sizes[one][1] >= SIZE_KNOWN_S]
        if unknown:
            counts = await self._store.rooms.member_counts(unknown)
            for room_id in unknown:
                sizes.pop(room_id, None)  # so that the order is that of reading
                sizes[room_id] = counts.get(room_id, 0) > LARGE_MEMBERS, now
        large = {room_id for room_id in room_ids if sizes[room_id][0]}
        for room_id in list(islice(sizes, max(len(sizes) - SIZES_MAX, 0))):
            del sizes[room_id]
        return large

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.close()
