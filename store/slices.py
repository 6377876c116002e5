"""Sweeping in slices: each one an operation with a deadline of its own, so that other work comes in between. Knows no backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

# A turn takes no more of each kind; the next turn, an hour later, goes on.
SLICES_MAX = 200

# Removes a slice of what is old at a time in milliseconds; returns how much, and whether there may be more.
Slice = Callable[[int], Awaitable[tuple[int, bool]]]


async def sweep_all(kinds: Iterable[Slice], now_ms: int) -> int:
    """Sweep each kind until a slice does not come back full. Returns how much was removed. Raises what a slice raises."""
    removed = 0
    for sweep in kinds:
        for _ in range(SLICES_MAX):
            count, is_full = await sweep(now_ms)
            removed += count
            if not is_full:
                break
    return removed


def until_nothing(sweep: Callable[[float], Awaitable[int]]) -> Slice:
    """A slice of what only tells, of a time in seconds, how much it removed: there may be more until that is nothing."""

    async def sweep_slice(now_ms: int) -> tuple[int, bool]:
        removed = await sweep(now_ms / 1000)
        return removed, removed > 0

    return sweep_slice
