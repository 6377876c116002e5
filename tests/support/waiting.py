"""Waiting for what somebody else does: to be told, or where nobody tells by asking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ASKED_WITHIN_S = 60.0


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


def poll(
    condition: Callable[[], T],
    within_s: float = ASKED_WITHIN_S,
    *,
    told: Callable[[], object] = str,
    pace_s: float = 0.01,
) -> T:
    """Poll what only asking tells, where no loop waits; returns what it was in the end.

    `told` says what there was instead.

    `pace_s`: how long it waits before it asks again, for where to be asked is a load.
    """
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"it did not happen: {told()}"
        time.sleep(pace_s)
    return found


async def until(condition: Callable[[], T], within_s: float = ASKED_WITHIN_S) -> T:
    """Poll what only asking tells, on a thread; returns what it was in the end."""
    deadline_s = time.monotonic() + within_s
    while not (found := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.03)  # the poll's pace
    return found
