"""A sweep continues while slices are full, up to its bound."""

from __future__ import annotations

import logging

import pytest

from store.errors import StoreUnavailable
from store.expiry_sweep import SLICES_MAX, sweep_all, until_empty


class SweepableItems:
    """Items to remove, three in a slice."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[float] = []

    async def sweep(self, now: float) -> int:
        self.asked.append(now)
        removed = min(3, self.size)
        self.size -= removed
        return removed

    async def sweep_slice(self, now_ms: int) -> tuple[int, bool]:
        removed = await self.sweep(now_ms)
        return removed, removed == 3


@pytest.mark.gen_test
async def test_each_kind_is_swept_until_a_slice_is_not_full() -> None:
    one, other = SweepableItems(7), SweepableItems(6)
    assert await sweep_all((one.sweep_slice, until_empty(other.sweep)), 5000) == 13
    assert (one.asked, other.asked) == ([5000] * 3, [5.0] * 3)


@pytest.mark.gen_test
async def test_a_turn_ends_at_its_bound_and_the_next_goes_on() -> None:
    endless = SweepableItems(3 * SLICES_MAX + 1)
    assert await sweep_all((endless.sweep_slice,), 1) == 3 * SLICES_MAX
    assert await sweep_all((endless.sweep_slice,), 2) == 1


@pytest.mark.gen_test
async def test_a_kind_that_fails_keeps_no_other_from_its_turn_and_the_first_error_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, last = SweepableItems(7), SweepableItems(4)

    async def unreachable(now_ms: int) -> tuple[int, bool]:
        raise StoreUnavailable("gone")

    async def unforeseen(now_ms: int) -> tuple[int, bool]:
        raise LookupError("unforeseen")

    with pytest.raises(StoreUnavailable, match="gone"), caplog.at_level(logging.INFO, "store"):
        await sweep_all((first.sweep_slice, unreachable, unforeseen, last.sweep_slice), 1)
    assert (first.size, last.size) == (0, 0)
    assert [record.getMessage() for record in caplog.records] == ["a sweep failed too: LookupError('unforeseen')"]
