"""The tasks in which handlers run. A request with a body has one of its own, which outlives its connection where the
client goes before the reply: when the server stops, what the handler uses may be closed only after it.
"""

from __future__ import annotations

import asyncio
from typing import Any

RunningTask = asyncio.Task[Any]


class RunningHandlers:
    """Those of one server. A handler says itself when it begins and ends."""

    def __init__(self) -> None:
        self._tasks: set[RunningTask] = set()

    def begin(self) -> RunningTask:
        """The current task runs a handler. Return the task, for `end`."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        return task

    def end(self, task: RunningTask) -> None:
        self._tasks.discard(task)

    async def wait(self) -> None:
        """Wait until no handler runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel those that still run, and wait for their end. Raises nothing that they raise."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
