"""Runs what synchronous callbacks start and cannot do at once: coroutines such as bus subscriptions, and plain calls
that must come after those.

One task runs them in order; the queue is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

QueuedTask = Callable[[], Awaitable[object] | None]


class SerialTaskQueue:
    """Runs queued tasks one after the other.

    `max_waiting` bounds droppable tasks; the others are bounded by their callers. An exception of a type in `expected`
    is logged in one line, any other with its traceback.
    """

    def __init__(self, *, expected: tuple[type[Exception], ...] = (), max_waiting: int = 10_000) -> None:
        self._expected = expected
        self._max_waiting = max_waiting
        self._waiting: deque[QueuedTask] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def run(self, task: QueuedTask, *, droppable: bool = False) -> bool:
        """Queue `task`; False if it was dropped, because too many wait or because the queue is closed."""
        if self._closed or (droppable and len(self._waiting) >= self._max_waiting):
            return False
        self._waiting.append(task)
        if self._task is None:
            self._begin()
        return True

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def is_busy(self) -> bool:
        """Whether a task runs or waits."""
        return self._task is not None

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._execute(self._waiting.popleft())
        # A cancelled future that a task awaits raises CancelledError as if this task were cancelled; the other tasks
        # must still run
        finally:
            self._task = None
            if self._waiting and not self._closed:
                self._begin()

    async def _execute(self, task: QueuedTask) -> None:
        try:
            result = task()
            if result is not None:
                await result
        except self._expected as error:
            log.warning("a queued task failed: %s", error)
        except asyncio.CancelledError:
            log.warning("a queued task was cancelled")
            raise
        except Exception:
            log.exception("a queued task failed")

    async def close(self) -> None:
        """Accept no more tasks, wait up to 2 s for the queued ones, then cancel."""
        self._closed = True
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=2)
            for task in late:
                task.cancel()
