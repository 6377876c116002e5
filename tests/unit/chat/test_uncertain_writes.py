"""When the store is asked about writes that failed and may have happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat import uncertain_writes as bounds
from chat.uncertain_writes import CHECKS_AFTER, UncertainWrites
from common.serial_task_queue import SerialTaskQueue

pytestmark = pytest.mark.gen_test

DEADLINE_S = 0.01


class Checks:
    """A check that finds what is written at its `found_at`-th call; None: never."""

    def __init__(self, *, found_at: int | None = None) -> None:
        self._found_at = found_at
        self.made = 0

    async def __call__(self) -> bool:
        self.made += 1
        return self.made == self._found_at


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(DEADLINE_S)  # the poll's pace


async def test_a_write_that_never_happens_is_looked_up_so_many_times() -> None:
    writes = UncertainWrites(task_queue=SerialTaskQueue(), timeout_s=DEADLINE_S)
    checks = Checks()
    assert writes.add("tea", checks)
    await until(lambda: "tea" not in writes)
    await until(lambda: checks.made == len(CHECKS_AFTER))


async def test_a_write_that_has_happened_is_not_looked_up_again() -> None:
    writes = UncertainWrites(task_queue=SerialTaskQueue(), timeout_s=DEADLINE_S)
    found, never = Checks(found_at=1), Checks()
    writes.add("tea", found)
    writes.add("jam", never)
    await until(lambda: never.made == len(CHECKS_AFTER))
    assert found.made == 1


async def test_a_later_write_of_the_same_thing_is_looked_up_whatever_is_found_of_the_earlier_one() -> None:
    writes = UncertainWrites(task_queue=SerialTaskQueue(), timeout_s=DEADLINE_S)
    later = Checks()

    async def found_while_the_later_one_fails() -> bool:
        writes.add("tea", later)
        return True

    writes.add("tea", found_while_the_later_one_fails)
    await until(lambda: later.made == len(CHECKS_AFTER))


async def test_they_are_bounded_and_one_that_is_added_again_takes_no_other_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "UNCERTAIN_MAX", 1)
    writes = UncertainWrites(task_queue=SerialTaskQueue(), timeout_s=60)
    assert writes.add("tea", Checks())
    assert not writes.add("jam", Checks())
    assert writes.add("tea", Checks())
    writes.settled("tea")
    assert writes.add("jam", Checks())
    writes.settled("jam")
