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
from chat.connections.revocations import Revocations
from chat.presence.presence import Presence
from chat.presence.presence_publisher import PresencePublisher
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
        revocations: Revocations,
        presence: Presence,
        presence_publisher: PresencePublisher,
        task_queue: SerialTaskQueue,
        begin: Callable[[MembershipBegan], None],
        end: Callable[[MembershipEnded], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._pool = pool
        self._revocations = revocations
        self._presence = presence
        self._presence_publisher = presence_publisher
        self._task_queue = task_queue
        self._begin = begin
        self._end = end
        self._now_ms = now_ms
        self._revocations_checked_ms = now_ms()
        # What waits to be looked at. It is taken from here when it is read, and put back when that fails.
        self._pairs: dict[Pair, None] = {}
        self._rooms: dict[str, None] = {}  # as many as have connections here
        self._people: dict[str, None] = {}  # as many as are connected here
        self._rooms_with_non_members: dict[str, None] = {}  # rooms
        self._non_members: dict[Pair, None] = {}  # of one of them
        self._must_publish_presence = False
        self._is_running = False

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
                self.audit_all()  # a process that publishes its people again causes these requests again
                break
            self._pairs[pair] = None
        self._resume()

    def audit_all(self) -> None:
        """Any membership may have begun or ended: read the rooms of all who are connected here, and tell the others."""
        self._people = dict.fromkeys(self._pool.users())
        self._must_publish_presence = True
        self._resume()

    def on_not_member(self, ended: MembershipEnded) -> None:
        """The store, asked for something else, said that somebody is no member: act on it where something here stands
        on that.
        """
        room_id, user_id = ended.room_id, ended.user_id
        if room_id in self._pool.rooms_of(user_id) or room_id in self._presence.rooms_of(user_id):
            self._end(ended)

    def resume(self) -> None:
        """Continue with requests whose read failed; to be called every few seconds."""
        if self.is_waiting:
            self._resume()

    @property
    def is_waiting(self) -> bool:
        """Whether any request still waits."""
        return any(
            (
                self._pairs,
                self._rooms,
                self._people,
                self._non_members,
                self._rooms_with_non_members,
                self._must_publish_presence,
            )
        )

    def _resume(self) -> None:
        """Run one step per queued task, so that a new request waits for one read and not for thousands."""
        if not self._is_running:
            self._is_running = self._task_queue.run(self._step)

    async def _step(self) -> None:
        try:
            await self._next_step()()
        finally:
            self._is_running = False
        self.resume()

    def _next_step(self) -> Callable[[], Awaitable[None]]:
        """Single rooms first: a change was seen there. The others are told when all is as the store says."""
        steps = (
            (self._pairs, self._audit_members),
            (self._rooms, self._audit_room),
            (self._people, self._audit_users),
            (self._non_members, self._audit_non_members),
            (self._rooms_with_non_members, self._list_non_members),
        )
        return next((step for waiting, step in steps if waiting), self._publish_presence)

    async def _audit_room(self) -> None:
        (room_id,) = take_first(self._rooms, 1)
        users = (*self._pool.users_in(room_id), *self._presence.members_of(room_id))
        self._pairs.update(dict.fromkeys((room_id, user_id) for user_id in users))
        self._rooms_with_non_members[room_id] = None
        await self._cache.invalidate(self._keys.room(room_id))

    async def _audit_members(self) -> None:
        part = take_first(self._pairs, PAIRS_A_READ)
        with restored_on_error(self._pairs, part) as left:
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

    async def _audit_users(self) -> None:
        part = take_first(self._people, PEOPLE_A_READ)
        with restored_on_error(self._people, part) as left:
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

    async def _list_non_members(self) -> None:
        """Whoever is connected here, and not taken for a member of the room, may have become one by a process that is
        cut off.
        """
        (room_id,) = take_first(self._rooms_with_non_members, 1)
        strangers = self._pool.users().difference(self._presence.members_of(room_id))
        self._non_members.update(dict.fromkeys((room_id, user_id) for user_id in strangers))

    async def _audit_non_members(self) -> None:
        part = take_first(self._non_members, PAIRS_A_READ)
        with restored_on_error(self._non_members, part) as left:
            for pair, of in zip(part, await self._store.members.standings(part), strict=True):
                del left[pair]
                if of is not None and of.membership is not None:
                    room_id, user_id = pair
                    await self._forget([pair])
                    self._begin(MembershipBegan(room_id, user_id, of.membership.joined_rev))
                    self._presence_publisher.publish_person(user_id)

    async def _forget(self, pairs: Sequence[Pair]) -> None:
        """Invalidate what is cached of these memberships."""
        keys = self._keys
        await self._cache.invalidate(
            *(key for room_id, user_id in pairs for key in (keys.membership(room_id, user_id), keys.room_ids(user_id)))
        )

    async def _publish_presence(self) -> None:
        self._must_publish_presence = False
        await self._presence_publisher.publish_all()

    async def check_revocations_quietly(self) -> None:
        """The same, so often that a store that fails is not told of: who looks seldom tells, and the next look makes up
        for this one.
        """
        with suppress(StoreError):
            await self.check_revocations()

    async def check_revocations(self) -> None:
        """Close the connections of sessions that another process revoked, as far as clocks agree when that was.

        Raises StoreError.
        """
        now_ms = self._now_ms()
        since_ms = min(self._revocations_checked_ms, now_ms) - OVERLAP_MS  # the clock may have been set back
        news = self._revocations.revoke(await self._store.sessions.revoked_since(since_ms))
        self._revocations_checked_ms = now_ms
        if news:
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in news))

    async def check_sessions(self) -> None:
        """Close the connections whose sessions do not stand any more, whatever any clock says. Raises StoreError."""
        for part in in_parts(self._pool.session_ids(), SESSIONS_A_READ):
            news = self._revocations.revoke(await self._store.sessions.not_live(part))
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in news))


def in_parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """The items in order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def take_first(waiting: dict[T, None], most: int) -> list[T]:
    """Take the first of what waits, so many at most."""
    part = list(islice(waiting, most))
    for one in part:
        del waiting[one]
    return part


@contextmanager
def restored_on_error(waiting: dict[T, None], part: Iterable[T]) -> Iterator[dict[T, None]]:
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
