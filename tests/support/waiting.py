"""Waiting for a condition: by notification (`ChangeSignal`) or by polling.

`poll` blocks the thread, `until` evaluates the condition on a thread, `until_on_loop` on the event loop itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

ASKED_WITHIN_S = 60.0


class ChangeSignal:
    """Notified by the code that changes something, awaited by the code that needs a condition on it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Something changed."""
        self._event.set()

    async def until(self, condition: Callable[[], object], within_s: float) -> None:
        """Wait until the condition holds. Raises TimeoutError."""

        async def wait() -> None:
            while not condition():
                self._event.clear()
                await self._event.wait()

        await asyncio.wait_for(wait(), within_s)


def poll(
    condition: Callable[[], T],
    within_s: float = ASKED_WITHIN_S,
    *,
    describe: Callable[[], object] = str,
    pace_s: float = 0.01,
) -> T:
    """Evaluate the condition every `pace_s` until it is true, and return its value.

    Raises AssertionError after `within_s`, with what `describe` returns. A long `pace_s` is for conditions that load
    the server.
    """
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"it did not happen: {describe()}"
        time.sleep(pace_s)
    return found


async def until(condition: Callable[[], T], within_s: float = ASKED_WITHIN_S) -> T:
    """As `poll`, with the condition evaluated on a thread: it may block."""
    deadline_s = time.monotonic() + within_s
    while not (found := await asyncio.to_thread(condition)):
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.03)  # the poll's pace
    return found


async def until_on_loop(condition: Callable[[], object], within_s: float = ASKED_WITHIN_S) -> None:
    """As `poll`, with the condition evaluated on the event loop: it must not block."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.005)  # the poll's pace
