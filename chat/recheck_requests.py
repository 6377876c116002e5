"""Requests to compare memberships with the store: who has a reason makes them, the MembershipRecheck takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

MembershipKey = tuple[str, str]  # room id, user id

MEMBERSHIPS_MAX = 100_000  # past them all memberships are checked, which needs no list


class RecheckRequests:
    """The requests that wait. `memberships` is bounded by `MEMBERSHIPS_MAX`, `rooms` by the rooms joined here.

    The MembershipRecheck takes requests from the two, and puts back what it could not read.
    """

    def __init__(self) -> None:
        self.memberships: dict[MembershipKey, None] = {}
        self.rooms: dict[str, None] = {}
        self._all = False
        self._added = asyncio.Event()

    def recheck_room(self, room_id: str) -> None:
        """Memberships of this room may have changed without an event that reached this process."""
        self.rooms[room_id] = None
        self._added.set()

    def recheck_members(self, memberships: Iterable[MembershipKey]) -> None:
        """These memberships may have ended."""
        for membership in memberships:
            if len(self.memberships) >= MEMBERSHIPS_MAX:
                self.recheck_all()  # a process that publishes its people again causes these requests again
                break
            self.memberships[membership] = None
        self._added.set()

    def recheck_all(self) -> None:
        """Any membership may have begun or ended."""
        self._all = True
        self._added.set()

    def take_all(self) -> bool:
        """Whether `recheck_all` was called after the last call of this."""
        requested, self._all = self._all, False
        return requested

    @property
    def is_waiting(self) -> bool:
        """Whether any request waits."""
        return bool(self.memberships or self.rooms or self._all)

    async def added(self) -> None:
        """Wait for a request that was made after the last call of this."""
        await self._added.wait()
        self._added.clear()
