"""Sweeps in slices. Each slice is an operation with its own deadline, so other operations run in between.

Knows no backend.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

logger = logging.getLogger(__name__)

# The most slices of each kind in one sweep. The next sweep, an hour later, continues.
SLICES_MAX = 200

# Removes one slice of what is expired at a time in milliseconds. Returns the number removed, and whether there may be
# more.
Slice = Callable[[int], Awaitable[tuple[int, bool]]]


async def sweep_all(kinds: Iterable[Slice], now_ms: int) -> int:
    """Sweep each kind until a slice is not full. Returns the number removed.

    After an error the other kinds are still swept. At the end the first error is raised.
    """
    removed = 0
    failure: Exception | None = None
    for sweep in kinds:
        try:
            removed += await _sweep_one(sweep, now_ms)
        except Exception as error:
            if failure is None:
                failure = error
            else:
                logger.warning("a sweep failed too: %r", error)
    if failure is not None:
        raise failure
    return removed


async def _sweep_one(sweep: Slice, now_ms: int) -> int:
    removed = 0
    for _ in range(SLICES_MAX):
        count, is_full = await sweep(now_ms)
        removed += count
        if not is_full:
            break
    return removed


def until_empty(sweep: Callable[[float], Awaitable[int]]) -> Slice:
    """A Slice from a sweep that takes seconds and returns the number removed: there may be more until that is 0."""

    async def sweep_slice(now_ms: int) -> tuple[int, bool]:
        removed = await sweep(now_ms / 1000)
        return removed, removed > 0

    return sweep_slice
