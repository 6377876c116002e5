"""One turn at a time for each user's images, so that the many of one user do not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct, field

WAIT_MAX_S = 20.0


class _Turns(Struct):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class ImageTurns:
    """Turns in the order in which they were asked for, of each user apart. Their number is that of the uploads."""

    def __init__(self, *, wait_max_s: float = WAIT_MAX_S) -> None:
        self._wait_max_s = wait_max_s
        self._by_user: dict[str, _Turns] = {}

    @asynccontextmanager
    async def of(self, user_id: str) -> AsyncIterator[None]:
        """The user's next turn, until the end of the block. Raises TimeoutError if it does not come."""
        turns = self._by_user.setdefault(user_id, _Turns())
        turns.wanted += 1
        try:
            async with asyncio.timeout(self._wait_max_s):
                await turns.lock.acquire()
            try:
                yield
            finally:
                turns.lock.release()
        finally:
            turns.wanted -= 1
            if not turns.wanted:
                del self._by_user[user_id]
