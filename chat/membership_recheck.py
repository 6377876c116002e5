"""Compares memberships and logins with the store where events may not have reached this process, and acts on what has
changed: after it was cut off from the others, or after another process died between a write and its event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.connections.connection_pool import Pool
from chat.connections.revocations import Revocations
from chat.presence.presence import Presence
from chat.presence.presence_publisher import PresencePublisher
from chat.recheck_requests import MembershipKey, RecheckRequests
from cluster.events import MembershipBegan, MembershipEnded, ended_with_room
from common.in_parts import in_parts, take_first
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store
from store.errors import StoreError
from store.models import Standing

T = TypeVar("T")

MEMBERSHIPS_A_READ = 500
USERS_A_READ = 100
SESSIONS_A_READ = 1_000
OVERLAP_MS = 60_000  # the clocks of several machines differ, and a commit takes its time


class MembershipRecheck:
    """Serves `requests`, one read of the store at a time.

    `begin` and `end` apply what is found. `task_queue` is the recheck's own, since it waits for the store. `now_ms` is
    the wall clock.
    """

    def __init__(
        self,
        *,
        requests: RecheckRequests,
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
        self._requests = requests
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
        # What follows from the requests and waits to be read. It is removed when it is read, and put back on an error.
        self._users: dict[str, None] = {}  # bounded by the users who are connected here
        self._rooms_with_non_members: dict[str, None] = {}
        self._non_members: dict[MembershipKey, None] = {}  # of one room at a time
        self._must_publish_presence = False
        self._is_running = False
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve requests, those that wait first."""
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """Serve no more requests. A read that is under way belongs to the task queue."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._requests.added()
            self.resume()

    def on_not_member(self, ended: MembershipEnded) -> None:
        """The store said, when it was read for something else, that a user is not a member of the room: end what this
        process still holds for the membership.
        """
        room_id, user_id = ended.room_id, ended.user_id
        if room_id in self._pool.rooms_of(user_id) or self._presence.is_in(room_id, user_id):
            self._end(ended)

    # ---- memberships ---------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Continue with requests whose read failed; to be called every few seconds."""
        if self.is_waiting:
            self._resume()

    @property
    def is_waiting(self) -> bool:
        """Whether any request still waits."""
        return self._requests.is_waiting or any(
            (self._users, self._non_members, self._rooms_with_non_members, self._must_publish_presence)
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
        """Single rooms come first, since a change was seen there. Presence is published last, when it is corrected."""
        if self._requests.take_all():
            self._users = dict.fromkeys(self._pool.users())
            self._must_publish_presence = True
        steps = (
            (self._requests.memberships, self._recheck_members),
            (self._requests.rooms, self._recheck_room),
            (self._users, self._check_users),
            (self._non_members, self._check_non_members),
            (self._rooms_with_non_members, self._list_non_members),
        )
        return next((step for waiting, step in steps if waiting), self._publish_presence)

    async def _recheck_room(self) -> None:
        """Check the connections that have joined the room, who is shown in it, and who should be."""
        (room_id,) = take_first(self._requests.rooms, 1)
        users = (*self._pool.users_in(room_id), *self._presence.members_of(room_id))
        self._requests.memberships.update(dict.fromkeys((room_id, user_id) for user_id in users))
        self._rooms_with_non_members[room_id] = None
        await self._cache.invalidate(self._keys.room(room_id))

    async def _recheck_members(self) -> None:
        part = take_first(self._requests.memberships, MEMBERSHIPS_A_READ)
        with restored_on_error(self._requests.memberships, part) as left:
            await self._invalidate(part)
            standings = await self._store.members.standings(part)
            banned = await self._banned(part, standings)
            for membership, standing in zip(part, standings, strict=True):
                del left[membership]
                room_id, user_id = membership
                if standing is None:
                    self._end(ended_with_room(room_id, user_id))
                elif standing.membership is None:
                    reason = "banned" if membership in banned else "removed"
                    self._end(MembershipEnded(room_id, user_id, reason, standing.room.rev))
                else:
                    self._begin(MembershipBegan(room_id, user_id, standing.membership.joined_rev))

    async def _banned(
        self, memberships: Sequence[MembershipKey], standings: Sequence[Standing | None]
    ) -> set[MembershipKey]:
        """Those of the memberships that are no more because of a ban."""
        ended = [
            membership
            for membership, standing in zip(memberships, standings, strict=True)
            if standing is not None and standing.membership is None
        ]
        if not ended:
            return set()
        return {pair for pair, is_banned in zip(ended, await self._store.bans.among(ended), strict=True) if is_banned}

    async def _check_users(self) -> None:
        """Compare all rooms of some users who are connected here."""
        part = take_first(self._users, USERS_A_READ)
        with restored_on_error(self._users, part) as left:
            for user_id, rooms in (await self._store.rooms.joined_by_each(part)).items():
                del left[user_id]
                self._presence.entered(user_id, rooms)  # in case the read failed when they connected
                shown = self._presence.rooms_of(user_id)
                for room_id, rev in rooms.items() - shown.items():
                    self._begin(MembershipBegan(room_id, user_id, rev))
                # An end is applied by a rev, which only the room has; and they may have joined after this read.
                held = {*self._pool.rooms_of(user_id), *shown}
                self._requests.recheck_members([(room_id, user_id) for room_id in held - rooms.keys()])

    async def _list_non_members(self) -> None:
        """List the connected users who are not known as members of the room: one may have joined it through a process
        that is cut off.
        """
        (room_id,) = take_first(self._rooms_with_non_members, 1)
        non_members = self._pool.users().difference(self._presence.members_of(room_id))
        self._non_members.update(dict.fromkeys((room_id, user_id) for user_id in non_members))

    async def _check_non_members(self) -> None:
        part = take_first(self._non_members, MEMBERSHIPS_A_READ)
        with restored_on_error(self._non_members, part) as left:
            for membership, standing in zip(part, await self._store.members.standings(part), strict=True):
                del left[membership]
                if standing is not None and standing.membership is not None:
                    room_id, user_id = membership
                    await self._invalidate([membership])
                    self._begin(MembershipBegan(room_id, user_id, standing.membership.joined_rev))
                    self._presence_publisher.publish_person(user_id)

    async def _invalidate(self, memberships: Sequence[MembershipKey]) -> None:
        """Drop what is cached of these memberships."""
        await self._cache.invalidate(*(self._keys.membership(*membership) for membership in memberships))

    async def _publish_presence(self) -> None:
        self._must_publish_presence = False
        await self._presence_publisher.publish_all()

    # ---- logins --------------------------------------------------------------------------------------------------

    async def check_revocations_quietly(self) -> None:
        """As `check_revocations`, without an error: it is called so often that the next call makes up for a failed one,
        and a rarer check reports that the store fails.
        """
        with suppress(StoreError):
            await self.check_revocations()

    async def check_revocations(self) -> None:
        """Close the connections of logins that were revoked since the last call, by the clocks of the processes.

        Raises StoreError.
        """
        now_ms = self._now_ms()
        since_ms = min(self._revocations_checked_ms, now_ms) - OVERLAP_MS  # the clock may have been set back
        revoked = self._revocations.revoke(await self._store.sessions.revoked_since(since_ms))
        self._revocations_checked_ms = now_ms
        if revoked:
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in revoked))

    async def check_sessions(self) -> None:
        """Close the connections whose logins are not live any more; uses no clock. Raises StoreError."""
        for part in in_parts(self._pool.session_ids(), SESSIONS_A_READ):
            revoked = self._revocations.revoke(await self._store.sessions.not_live(part))
            await self._cache.invalidate(*(self._keys.session(session_id) for session_id in revoked))


@contextmanager
def restored_on_error(waiting: dict[T, None], part: Iterable[T]) -> Iterator[dict[T, None]]:
    """Yield the parts that were taken; what the body has not deleted from it when it raises waits again.

    The body deletes each before it acts on it, so that one that always fails does not hold up the others again.
    """
    left = dict.fromkeys(part)
    try:
        yield left
    except BaseException:  # also a cancellation
        waiting.update(left)
        raise
