"""Sweeping in slices: each one an operation with a deadline of its own, so that other work comes in between.

Knows no backend.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

logger = logging.getLogger(__name__)

# A turn takes no more of each kind; the next turn, an hour later, goes on.
SLICES_MAX = 200

# Removes a slice of what is old at a time in milliseconds; returns how much, and whether there may be more.
Slice = Callable[[int], Awaitable[tuple[int, bool]]]


async def sweep_all(kinds: Iterable[Slice], now_ms: int) -> int:
    """Sweep each kind until a slice does not come back full. Returns how much was removed.

    A kind that fails keeps no other from its turn. Raises, at the end, what the first of them raised.
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
    """A slice of what only tells, of a time in seconds, how much it removed:
    there may be more until that is nothing.
    """

    async def sweep_slice(now_ms: int) -> tuple[int, bool]:
        removed = await sweep(now_ms / 1000)
        return removed, removed > 0

    return sweep_slice
