"""Ends background tasks: at once, or after a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def finish_or_cancel(task: asyncio.Task[None] | None, *, within_s: float) -> None:
    """Wait up to `within_s` seconds for a task, then cancel it. Raises nothing that the task raised."""
    if task is None:
        return
    _, late = await asyncio.wait([task], timeout=within_s)
    await cancel_all(late)


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for their end. Raises nothing that they raise."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
