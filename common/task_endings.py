"""How a background task ends: it is given a while, and then cancelled. Knows no task."""

from __future__ import annotations

import asyncio


async def ended(task: asyncio.Task[None] | None, *, within_s: float) -> None:
    """Wait for a task for so long, then cancel it; what it raised is not raised here."""
    if task is None:
        return
    _, late = await asyncio.wait([task], timeout=within_s)
    for one in late:
        one.cancel()
    await asyncio.gather(*late, return_exceptions=True)
