"""Ends a background task: waits for it for a bounded time, then cancels it."""

from __future__ import annotations

import asyncio


async def finish_or_cancel(task: asyncio.Task[None] | None, *, within_s: float) -> None:
    """Wait up to `within_s` seconds for a task, then cancel it. Raises nothing that the task raised."""
    if task is None:
        return
    _, late = await asyncio.wait([task], timeout=within_s)
    for one in late:
        one.cancel()
    await asyncio.gather(*late, return_exceptions=True)
