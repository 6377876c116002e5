"""The tasks in which handlers run. A request with a body has one of its own, which outlives its connection where the
client goes before the reply: when the server stops, what the handler uses may be closed only after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from common.task_shutdown import cancel_all


class RunningHandlers:
    """Those of one server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, handler: Awaitable[None]) -> None:
        """Run a handler in the current task, which is one of these until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await handler
        finally:
            self._tasks.discard(task)

    async def wait(self) -> None:
        """Wait until no handler runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel those that still run, and wait for their end. Raises nothing that they raise."""
        await cancel_all(self._tasks)
