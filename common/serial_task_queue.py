"""What a synchronous callback must start but cannot await: bus subscriptions and ephemeral events.

One owned task, in order, bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

QueuedTask = Callable[[], Awaitable[object]]


class SerialTaskQueue:
    """Runs tasks one after the other.

    `max_waiting` bounds those that may be dropped; the others are bounded by their callers. An error of `expected` is
    logged in one line, any other with its traceback.
    """

    def __init__(self, *, expected: tuple[type[Exception], ...] = (), max_waiting: int = 10_000) -> None:
        self._expected = expected
        self._max_waiting = max_waiting
        self._waiting: deque[QueuedTask] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def run(self, errand: QueuedTask, *, droppable: bool = False) -> bool:
        """Queue `errand`; False if it was dropped because too many wait, or because this is closed."""
        if self._closed or (droppable and len(self._waiting) >= self._max_waiting):
            return False
        self._waiting.append(errand)
        if self._task is None:
            self._begin()
        return True

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def is_busy(self) -> bool:
        """Whether something is under way or waits."""
        return self._task is not None

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._execute(self._waiting.popleft())
        # What an errand waited for may have been cancelled, which looks as if this task was: others must not wait for
        # ever
        finally:
            self._task = None
            if self._waiting and not self._closed:
                self._begin()

    async def _execute(self, errand: QueuedTask) -> None:
        try:
            await errand()
        except self._expected as error:
            log.warning("an errand failed: %s", error)
        except asyncio.CancelledError:
            log.warning("an errand was cancelled")
            raise
        except Exception:
            log.exception("an errand failed")

    async def close(self) -> None:
        """Let what is queued end, for a short time, and take nothing more."""
        self._closed = True
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=2)
            for task in late:
                task.cancel()
