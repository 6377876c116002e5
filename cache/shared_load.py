"""Waiting for a load that several askers share."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from cache.contract import CacheClosed

T = TypeVar("T")


async def result_of(load: asyncio.Task[T]) -> T:
    """What the load returns or raises; an asker that is cancelled does not cancel it.

    Raises CacheClosed where the cache cancelled it.
    """
    try:
        return await asyncio.shield(load)
    except asyncio.CancelledError:
        asker = asyncio.current_task()
        assert asker is not None
        if load.cancelled() and not asker.cancelling():
            raise CacheClosed from None
        raise
    finally:
        # Else an error's traceback holds the task that holds the error, until the garbage collector comes.
        del load
