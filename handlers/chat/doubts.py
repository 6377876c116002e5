"""What may have gone unheard while a process was cut off, or because one died before it told: asked of the store, and acted upon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from cache.contract import Cache
from cache.events import MembershipBegan, MembershipEnded
from cache.keys import Keys
from handlers.chat.errands import Errands
from handlers.chat.pool import Pool
from handlers.chat.presence import Presence
from store.contract import Store
from store.errors import StoreError

T = TypeVar("T")

PAIRS_A_READ = 500
SESSIONS_A_READ = 1_000
OVERLAP_MS = 60_000  # clocks of several machines differ, and a commit takes its time


class Doubts:
    """`begin` and `end` carry out what is found; `errands` are its own, for it reads from the store. `now_ms` is the wall clock."""

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        pool: Pool,
        presence: Presence,
        errands: Errands,
        begin: Callable[[MembershipBegan], None],
        end: Callable[[MembershipEnded], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._pool = pool
        self._presence = presence
        self._errands = errands
        self._begin = begin
        self._end = end
        self._now_ms = now_ms
        self._looked_ms = now_ms()
        self._rooms: set[str] = set()  # waiting to be looked at; as many as have connections here
        self._looks_at_all = False

    def room(self, room_id: str) -> None:
        """Memberships of this room may have ended: look at those of its connections here, and of who is shown in it."""
        if room_id not in self._rooms:
            self._rooms.add(room_id)
            self._errands.run(lambda: self._look_at_room(room_id))

    def members(self, pairs: Sequence[tuple[str, str]]) -> None:
        """These memberships, (room id, user id), may have ended."""
        self._errands.run(lambda: self._look_at(pairs))

    def everything(self) -> None:
        """Any membership may have ended: look at those of all subscriptions here."""
        if not self._looks_at_all:
            self._looks_at_all = True
            self._errands.run(self._look_at_all)

    async def _look_at_room(self, room_id: str) -> None:
        self._rooms.discard(room_id)
        users = dict.fromkeys((*self._pool.users_in(room_id), *self._presence.shown_in(room_id)))
        await self._cache.invalidate(self._keys.room(room_id))
        await self._look_at([(room_id, user_id) for user_id in users])

    async def _look_at_all(self) -> None:
        self._looks_at_all = False
        await self._look_at(list(self._pool.subscriptions()))

    async def _look_at(self, pairs: Sequence[tuple[str, str]]) -> None:
        for part in slices(pairs, PAIRS_A_READ):
            for room_id, user_id in part:
                await self._cache.invalidate(self._keys.membership(room_id, user_id), self._keys.room_ids(user_id))
            for (room_id, user_id), of in zip(part, await self._store.members.standings(part), strict=True):
                if of is None:
                    self._end(MembershipEnded(room_id, user_id, "deleted"))
                elif of.membership is None:
                    self._end(MembershipEnded(room_id, user_id, "removed", of.room.rev))
                else:
                    self._begin(MembershipBegan(room_id, user_id, of.membership.joined_rev))

    async def look_often(self) -> None:
        """The same, so often that a store that fails is not told of: who looks seldom tells, and the next look makes up for this one."""
        with suppress(StoreError):
            await self.look_for_revocations()

    async def look_for_revocations(self) -> None:
        """Close the connections of sessions that another process revoked, as far as clocks agree when that was. Raises StoreError."""
        now_ms = self._now_ms()
        since_ms = min(self._looked_ms, now_ms) - OVERLAP_MS  # the clock may have been set back
        news = self._pool.revoke(await self._store.sessions.revoked_since(since_ms))
        self._looked_ms = now_ms
        if news:
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in news))

    async def look_at_logins(self) -> None:
        """Close the connections whose sessions do not stand any more, whatever any clock says. Raises StoreError."""
        for part in slices(self._pool.session_ids(), SESSIONS_A_READ):
            news = self._pool.revoke(await self._store.sessions.not_live(part))
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in news))


def slices(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """The items in order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
