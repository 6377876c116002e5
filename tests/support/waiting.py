"""Waiting for what somebody else does, without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class News:
    """Told by who changes something, awaited by who needs a condition on it."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Something changed."""
        self._told.set()

    async def until(self, condition: Callable[[], object], within_s: float) -> None:
        """Wait until the condition holds. Raises TimeoutError."""

        async def wait() -> None:
            while not condition():
                self._told.clear()
                await self._told.wait()

        await asyncio.wait_for(wait(), within_s)
