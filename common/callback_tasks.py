"""Runs coroutines for callers that wait by a callback: each outcome is passed on, and each task has an owner."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from common.task_shutdown import cancel_all

log = logging.getLogger(__name__)

R = TypeVar("R")
OnSettled = Callable[[R | None, Exception | None], None]


class CallbackTasks:
    """Its callers bound the number of tasks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, coroutine: Coroutine[Any, Any, R], on_settled: OnSettled[R]) -> None:
        """Run `coroutine` as a task, then call `on_settled(result, None)` or `on_settled(None, error)`.

        The task has an empty context: deadlines and spans of the caller are not its own. Where it is cancelled,
        `on_settled` is not called.
        """
        task = asyncio.get_running_loop().create_task(_pass_on(coroutine, on_settled), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel the tasks that are under way, and wait for them."""
        await cancel_all(self._tasks)


async def _pass_on(coroutine: Coroutine[Any, Any, R], on_settled: OnSettled[R]) -> None:
    result, failure = None, None
    try:
        result = await coroutine
    except Exception as error:
        failure = error
    try:
        on_settled(result, failure)
    except Exception:  # a defect of who waited
        log.exception("an outcome was not handled")
