"""Batches by key: which callers wait, for how long, and which outcome each gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from store.errors import StoreTimeout, StoreUnavailable
from store.keyed_batcher import KeyedBatcher

TIMEOUT_S = 0.2


class ControlledWork:
    """Work whose batches wait until the test releases them; the outcome of each number is the number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.release: list[asyncio.Event] = []

    async def __call__(self, key: str, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(numbers))
        self.release.append(asyncio.Event())
        await self.release[-1].wait()
        return numbers


def batcher_of(work: ControlledWork, *, timeout_s: float = TIMEOUT_S, waiting_max: int = 100) -> KeyedBatcher[int, int]:
    return KeyedBatcher(work=work, batch_max=10, waiting_max=waiting_max, timeout_s=timeout_s)


@pytest.mark.gen_test
async def test_what_comes_while_a_batch_is_under_way_is_the_next_batch() -> None:
    batcher = batcher_of(work := ControlledWork(), timeout_s=5)
    first = batcher.submit("room", 1)
    await asyncio.sleep(0)
    others = [batcher.submit("room", 2), batcher.submit("room", 3)]
    work.release[0].set()
    assert await first == 1
    await asyncio.sleep(0)
    work.release[1].set()
    assert await asyncio.gather(*others) == [2, 3]
    assert work.batches == [[1], [2, 3]]
    assert batcher.waiting == 0


@pytest.mark.gen_test
async def test_who_waits_behind_a_slow_batch_is_answered_by_their_own_deadline_and_nothing_of_theirs_is_begun() -> None:
    batcher = batcher_of(work := ControlledWork())
    first = batcher.submit("room", 1)
    await asyncio.sleep(0)
    waiting = batcher.submit("room", 2)
    with pytest.raises(StoreUnavailable, match="stalled"):
        await waiting
    with pytest.raises(StoreTimeout):
        await first
    work.release[0].set()
    while batcher.waiting:
        await asyncio.sleep(0)
    assert work.batches == [[1]]


@pytest.mark.gen_test
async def test_a_deadline_counts_from_when_the_write_was_accepted_not_from_when_its_batch_began() -> None:
    batcher = batcher_of(work := ControlledWork(), timeout_s=5.0)
    over: list[str] = []
    first = batcher.submit("room", 1)
    await asyncio.sleep(0)
    second = batcher.submit("room", 2)
    second.add_done_callback(lambda _: over.append("accepted half a second before its batch began"))
    await asyncio.sleep(0.5)  # this test needs real time to pass
    other = batcher.submit("another room", 3)
    other.add_done_callback(lambda _: over.append("accepted as its batch began"))
    work.release[0].set()
    assert await first == 1
    for waiting in (second, other):
        with pytest.raises(StoreTimeout):
            await waiting
    assert over == ["accepted half a second before its batch began", "accepted as its batch began"]
    assert sorted(work.batches) == [[1], [2], [3]]
    await batcher.close()


@pytest.mark.gen_test
async def test_past_the_bound_a_write_is_refused_at_once() -> None:
    batcher = batcher_of(ControlledWork(), timeout_s=5, waiting_max=2)
    kept = [batcher.submit("a", 1), batcher.submit("b", 2)]
    with pytest.raises(StoreUnavailable, match="stalled"):
        batcher.submit("c", 3)
    await batcher.close()
    for one in kept:
        with pytest.raises(StoreUnavailable, match="closed"):
            await one
