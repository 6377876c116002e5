"""The use case that deletes a room, and what each process does for the people who were in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.connections.connection_pool import Pool
from chat.outsiders import banned_are_told
from chat.presence.presence import Presence
from chat.uncertain_writes import UncertainWrites
from cluster.contract import Bus
from cluster.events import MembershipEnded, RoomDeleted, ended_with_room
from cluster.topics import EVERYONE
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import Missing, StoreError, StoreTimeout, StoreUnavailable
from store.models import Actor

log = logging.getLogger(__name__)


class RoomDeletion:
    """Deletes rooms. What belonged to them is removed in the background, in slices; else the store's sweep does it.

    A deletion that failed and may have happened is told as soon as it is seen to have: by a retry, or by the checks of
    `uncertain_writes`. Where these are too many, the comparisons of heads find it, in the rooms that are open.
    """

    def __init__(self, *, store: Store, cache: Cache, keys: Keys, bus: Bus, uncertain_writes: UncertainWrites) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._uncertain_writes = uncertain_writes
        self._purges = SerialTaskQueue(expected=(StoreError,))

    async def delete(self, room_id: str, actor: Actor) -> None:
        """Delete a room. Raises StoreError: Missing, Refused, as store.contract.Rooms.delete says."""
        keys = self._keys
        fence = self._cache.fence(keys.room(room_id), keys.stats(room_id), keys.page(room_id))
        try:
            async with banned_are_told(self._store, room_id, actor.user_id), fence:
                await self._store.rooms.delete(room_id, actor)
        except (StoreTimeout, StoreUnavailable, asyncio.CancelledError):
            self._uncertain_writes.add(room_id, lambda: self._find_deleted(room_id))
            raise
        except Missing:
            if room_id in self._uncertain_writes:
                self._publish(room_id)
            raise
        log.info("room deleted", extra={"fields": {"room": room_id, "user": actor.user_id}})
        self._publish(room_id)

    async def _find_deleted(self, room_id: str) -> bool:
        """Publish a deletion that has happened. Returns whether it has."""
        if room_id in await self._store.rooms.heads([room_id]):
            return False
        log.info("room deleted by a write without an answer", extra={"fields": {"room": room_id}})
        self._publish(room_id)
        return True

    def _publish(self, room_id: str) -> None:
        self._uncertain_writes.settled(room_id)
        self._bus.publish(EVERYONE, RoomDeleted(room_id))
        if not self._purges.is_busy:
            self._purges.run(self._purge)

    async def _purge(self) -> None:
        while await self._store.rooms.purge():
            pass

    async def close(self) -> None:
        """Stop removing; the sweep of a process goes on with it."""
        await self._purges.close()


class DeletedRoomEvents:
    """Ends the memberships of a deleted room for the people who are connected here.

    There may be thousands, so it is done in slices between loop turns. `end` applies the end of one membership.
    """

    def __init__(
        self, *, pool: Pool, presence: Presence, paced_callbacks: PacedCallbacks, end: Callable[[MembershipEnded], None]
    ) -> None:
        self._pool = pool
        self._presence = presence
        self._paced_callbacks = paced_callbacks
        self._end = end

    def deleted(self, event: RoomDeleted) -> None:
        """End what this process still holds for the room."""
        room_id = event.room_id
        user_ids = {*self._pool.users_in(room_id), *self._presence.members_of(room_id)}
        self._paced_callbacks.run(self._each_end(room_id, user_ids))

    def _each_end(self, room_id: str, user_ids: Iterable[str]) -> Iterator[None]:
        for user_id in user_ids:
            # Until their turn comes another finding may have told them, as the refusal of a command does.
            if self._presence.is_in(room_id, user_id) or room_id in self._pool.rooms_of(user_id):
                self._end(ended_with_room(room_id, user_id))
            yield
