"""What may have gone unheard while the bus was away, or because a process died before it told: read from the store, and acted upon."""

from __future__ import annotations

from collections.abc import Callable

from cache.contract import Cache
from cache.events import MembershipEnded
from cache.keys import Keys
from handlers.chat.errands import Errands
from handlers.chat.pool import Pool
from store.contract import Store

OVERLAP_MS = 60_000  # clocks of several machines differ, and a commit takes its time


class Doubts:
    """`end` carries out a MembershipEnded; `errands` are its own, for it reads from the store. `now_ms` is the wall clock."""

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        pool: Pool,
        errands: Errands,
        end: Callable[[MembershipEnded], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._pool = pool
        self._errands = errands
        self._end = end
        self._now_ms = now_ms
        self._looked_ms = now_ms()
        self._rooms: set[str] = set()  # waiting to be looked at; as many as have connections here

    def room(self, room_id: str) -> None:
        """Memberships of this room may have ended: look at those of its connections here."""
        if room_id not in self._rooms:
            self._rooms.add(room_id)
            self._errands.run(lambda: self._look_at(room_id))

    async def _look_at(self, room_id: str) -> None:
        self._rooms.discard(room_id)
        await self._cache.invalidate(self._keys.room(room_id))
        for user_id in self._pool.users_in(room_id):
            await self._cache.invalidate(self._keys.membership(room_id, user_id), self._keys.room_ids(user_id))
            if await self._store.members.get(room_id, user_id) is None:
                self._end(MembershipEnded(room_id, user_id, "removed"))

    async def look_for_revocations(self) -> None:
        """Close the connections of sessions that another process revoked. Raises StoreError."""
        now_ms = self._now_ms()
        since_ms = min(self._looked_ms, now_ms) - OVERLAP_MS  # the clock may have been set back
        news = self._pool.revoke(await self._store.sessions.revoked_since(since_ms))
        self._looked_ms = now_ms
        if news:
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in news))
