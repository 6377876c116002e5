"""What may have gone unheard while a process was cut off, or because one died before it told: asked of the store, and
acted upon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TypeVar

from cache.contract import Cache
from cache.keys import Keys
from chat.connections.pool import Pool
from chat.presence.presence import Presence
from cluster.events import MembershipBegan, MembershipEnded
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import StoreError

T = TypeVar("T")

Pair = tuple[str, str]  # room id, user id

PAIRS_A_READ = 500
PAIRS_MAX = 100_000  # waiting; past them everything is looked at, which is no longer a list
PEOPLE_A_READ = 100
SESSIONS_A_READ = 1_000
OVERLAP_MS = 60_000  # clocks of several machines differ, and a commit takes its time


class AccessAudit:
    """`begin` and `end` carry out what is found; `task_queue` are its own, for it reads from the store.

    `now_ms` is the wall clock.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        pool: Pool,
        presence: Presence,
        task_queue: SerialTaskQueue,
        begin: Callable[[MembershipBegan], None],
        end: Callable[[MembershipEnded], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._pool = pool
        self._presence = presence
        self._task_queue = task_queue
        self._begin = begin
        self._end = end
        self._now_ms = now_ms
        self._looked_ms = now_ms()
        # What waits to be looked at. It is taken from here when it is read, and put back when that fails.
        self._pairs: dict[Pair, None] = {}
        self._rooms: dict[str, None] = {}  # as many as have connections here
        self._people: dict[str, None] = {}  # as many as are connected here
        self._unshown_in: dict[str, None] = {}  # rooms
        self._strangers: dict[Pair, None] = {}  # of one of them
        self._tells = False
        self._is_going = False

    def room(self, room_id: str) -> None:
        """Memberships of this room changed unheard: look at its connections, at who is shown in it, and at who should
        be.
        """
        self._rooms[room_id] = None
        self._resume()

    def members(self, pairs: Iterable[Pair]) -> None:
        """These memberships may have ended."""
        for pair in pairs:
            if len(self._pairs) >= PAIRS_MAX:
                self.everything()  # who was told of by another process is doubted again when that tells again
                break
            self._pairs[pair] = None
        self._resume()

    def everything(self) -> None:
        """Any membership may have begun or ended: read the rooms of all who are connected here, and tell the others."""
        self._people = dict.fromkeys(self._pool.users())
        self._tells = True
        self._resume()

    def answered(self, ended: MembershipEnded) -> None:
        """The store, asked for something else, said that somebody is no member: act on it where something here stands
        on that.
        """
        room_id, user_id = ended.room_id, ended.user_id
        if room_id in self._pool.rooms_of(user_id) or room_id in self._presence.rooms_of(user_id):
            self._end(ended)

    def look_again(self) -> None:
        """Go on with what could not be looked at; to be called every few seconds."""
        if self.is_waiting:
            self._resume()

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to be looked at."""
        return any((self._pairs, self._rooms, self._people, self._strangers, self._unshown_in, self._tells))

    def _resume(self) -> None:
        """One step an errand, so that what is newly doubted waits for one read and not for thousands."""
        if not self._is_going:
            self._is_going = self._task_queue.run(self._step)

    async def _step(self) -> None:
        try:
            await self._next_step()()
        finally:
            self._is_going = False
        self.look_again()

    def _next_step(self) -> Callable[[], Awaitable[None]]:
        """Single rooms first: a change was seen there. The others are told when all is as the store says."""
        steps = (
            (self._pairs, self._look_at_pairs),
            (self._rooms, self._look_at_room),
            (self._people, self._look_at_people),
            (self._strangers, self._look_at_strangers),
            (self._unshown_in, self._look_for_unshown),
        )
        return next((step for waiting, step in steps if waiting), self._tell)

    async def _look_at_room(self) -> None:
        (room_id,) = taken(self._rooms, 1)
        users = (*self._pool.users_in(room_id), *self._presence.shown_in(room_id))
        self._pairs.update(dict.fromkeys((room_id, user_id) for user_id in users))
        self._unshown_in[room_id] = None
        await self._cache.invalidate(self._keys.room(room_id))

    async def _look_at_pairs(self) -> None:
        part = taken(self._pairs, PAIRS_A_READ)
        with put_back(self._pairs, part) as left:
            await self._forget(part)
            for pair, of in zip(part, await self._store.members.standings(part), strict=True):
                del left[pair]
                room_id, user_id = pair
                if of is None:
                    self._end(MembershipEnded(room_id, user_id, "deleted"))
                elif of.membership is None:
                    self._end(MembershipEnded(room_id, user_id, "removed", of.room.rev))
                else:
                    self._begin(MembershipBegan(room_id, user_id, of.membership.joined_rev))

    async def _look_at_people(self) -> None:
        part = taken(self._people, PEOPLE_A_READ)
        with put_back(self._people, part) as left:
            await self._cache.invalidate(*(self._keys.room_ids(user_id) for user_id in part))
            for user_id, rooms in (await self._store.rooms.joined_by_each(part)).items():
                del left[user_id]
                self._presence.entered(user_id, rooms)  # it could not be read, perhaps, when they came
                shown = self._presence.rooms_of(user_id)
                for room_id, rev in rooms.items() - shown.items():
                    self._begin(MembershipBegan(room_id, user_id, rev))
                # An end is carried out by a rev, which only the room has; and it may be that they joined after this was
                # read.
                held = {*self._pool.rooms_of(user_id), *shown}
                self.members([(room_id, user_id) for room_id in held - rooms.keys()])

    async def _look_for_unshown(self) -> None:
        """Whoever is connected here, and not taken for a member of the room, may have become one by a process that is
        cut off.
        """
        (room_id,) = taken(self._unshown_in, 1)
        strangers = self._pool.users().difference(self._presence.shown_in(room_id))
        self._strangers.update(dict.fromkeys((room_id, user_id) for user_id in strangers))

    async def _look_at_strangers(self) -> None:
        part = taken(self._strangers, PAIRS_A_READ)
        with put_back(self._strangers, part) as left:
            for pair, of in zip(part, await self._store.members.standings(part), strict=True):
                del left[pair]
                if of is not None and of.membership is not None:
                    room_id, user_id = pair
                    await self._forget([pair])
                    self._begin(MembershipBegan(room_id, user_id, of.membership.joined_rev))
                    self._presence.tell_of(user_id)

    async def _forget(self, pairs: Sequence[Pair]) -> None:
        """Nothing that is cached of these memberships is believed."""
        keys = self._keys
        await self._cache.invalidate(
            *(key for room_id, user_id in pairs for key in (keys.membership(room_id, user_id), keys.room_ids(user_id)))
        )

    async def _tell(self) -> None:
        self._tells = False
        await self._presence.tell_all()

    async def look_often(self) -> None:
        """The same, so often that a store that fails is not told of: who looks seldom tells, and the next look makes up
        for this one.
        """
        with suppress(StoreError):
            await self.look_for_revocations()

    async def look_for_revocations(self) -> None:
        """Close the connections of sessions that another process revoked, as far as clocks agree when that was.

        Raises StoreError.
        """
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


def taken(waiting: dict[T, None], most: int) -> list[T]:
    """Take the first of what waits, so many at most."""
    part = list(islice(waiting, most))
    for one in part:
        del waiting[one]
    return part


@contextmanager
def put_back(waiting: dict[T, None], part: Iterable[T]) -> Iterator[dict[T, None]]:
    """Give what was taken, to be removed one by one as it is acted upon; what is left of it waits again, whatever goes
    wrong.

    Removed before it is acted upon: what fails by itself then holds up the others no second time.
    """
    left = dict.fromkeys(part)
    try:
        yield left
    except BaseException:  # also where it is cancelled
        waiting.update(left)
        raise
