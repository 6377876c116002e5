"""Which rooms the user is still a member of after a reconnect: asked once a connection, for all rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .errors import RateLimited
from .records import Room


class Memberships:
    """`rooms` reads the user's rooms; `number` is that of the connection for which they are read anew."""

    def __init__(self, rooms: Callable[[], Awaitable[list[Room]]], number: Callable[[], int]) -> None:
        self._rooms = rooms
        self._number = number
        self._read_for = 0
        self._ids: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()

    async def has(self, room_id: str) -> bool:
        """Whether the user is a member; True where a limit forbids to ask. Raises ChatError."""
        async with self._lock:
            number = self._number()
            if self._read_for != number:
                try:
                    self._ids = frozenset(room.id for room in await self._rooms())
                except RateLimited:
                    return True
                self._read_for = number
            return room_id in self._ids
