"""Waiting for a load that several callers share."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from cache.contract import CacheClosed

T = TypeVar("T")


async def result_of(load: asyncio.Task[T]) -> T:
    """Wait for the load and return its value. A caller that is cancelled does not cancel it.

    Raises CacheClosed if the cache cancelled the load, and what the load raises.
    """
    try:
        return await asyncio.shield(load)
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        assert caller is not None
        if load.cancelled() and not caller.cancelling():
            raise CacheClosed from None
        raise
    finally:
        # Otherwise the error's traceback and the task refer to each other until the garbage collector runs.
        del load
