"""Writes that failed and may have happened, or may still happen: what the store says in the end is looked up later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from common.serial_task_queue import SerialTaskQueue

# When the store is asked again, in deadlines of a write after its failure. A write waits for at most one of them on a
# server; a disk that stalls may hold a commit for longer.
CHECKS_AFTER = (1, 2, 4, 8)
UNCERTAIN_MAX = 1_000


class UncertainWrites:
    """Runs the check of each uncertain write when it must have settled, until one of its checks returns True.

    `task_queue` runs the checks, since they wait for the store. `timeout_s` is the deadline of a write, in seconds.
    """

    def __init__(self, *, task_queue: SerialTaskQueue, timeout_s: float) -> None:
        self._task_queue = task_queue
        self._timeout_s = timeout_s
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}  # by what is written, UNCERTAIN_MAX at most

    def __contains__(self, subject: Hashable) -> bool:
        return subject in self._timers

    def add(self, subject: Hashable, check: Callable[[], Awaitable[bool]]) -> bool:
        """A write of `subject` failed; an earlier one of it needs no checks of its own. False past UNCERTAIN_MAX."""
        self.settled(subject)
        if len(self._timers) >= UNCERTAIN_MAX:
            return False
        self._wait(subject, check, 0)
        return True

    def settled(self, subject: Hashable) -> None:
        """Run no more checks of `subject`."""
        timer = self._timers.pop(subject, None)
        if timer is not None:
            timer.cancel()

    def _wait(self, subject: Hashable, check: Callable[[], Awaitable[bool]], number: int) -> None:
        before = CHECKS_AFTER[number - 1] if number else 0
        self._timers[subject] = asyncio.get_running_loop().call_later(
            (CHECKS_AFTER[number] - before) * self._timeout_s, self._check, subject, check, number
        )

    def _check(self, subject: Hashable, check: Callable[[], Awaitable[bool]], number: int) -> None:
        del self._timers[subject]
        if number + 1 < len(CHECKS_AFTER):
            self._wait(subject, check, number + 1)
        following = self._timers.get(subject)

        async def run() -> None:
            if await check() and self._timers.get(subject) is following:  # else a later write is uncertain
                self.settled(subject)

        self._task_queue.run(run)
