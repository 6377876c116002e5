"""Work in slices: in order, some of it a loop turn, whatever it raises and asks for meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from common.paced_callbacks import PacedCallbacks


@pytest.mark.gen_test
async def test_a_turn_does_what_its_slice_allows_and_all_is_done_in_order() -> None:
    now = 0.0
    done: list[tuple[int, int]] = []
    turn = 0

    def cost(number: int) -> None:
        nonlocal now
        now += 0.001
        done.append((turn, number))

    paced = PacedCallbacks(loop=asyncio.get_running_loop(), slice_s=0.0035, now=lambda: now)
    for number in range(10):
        paced.soon(lambda number=number: cost(number))
    assert done == [], "not in the turn that asks"
    while len(paced):
        turn += 1
        await asyncio.sleep(0)
    assert [number for _, number in done] == list(range(10))
    assert [sum(1 for at, _ in done if at == one) for one in range(1, turn + 1)] == [4, 4, 2]


@pytest.mark.gen_test
async def test_what_the_work_asks_for_is_done_too_and_a_failure_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    paced = PacedCallbacks(loop=asyncio.get_running_loop())
    done: list[str] = []

    def fail() -> None:
        paced.soon(lambda: done.append("asked for"))
        raise RuntimeError("on purpose")

    paced.soon(fail)
    paced.soon(lambda: done.append("next"))
    while len(paced):
        await asyncio.sleep(0)
    assert done == ["next", "asked for"]
    assert [record.message for record in caplog.records] == ["paced work failed"]
    caplog.clear()


@pytest.mark.gen_test
async def test_the_steps_of_an_iterator_share_the_turns_with_others_and_a_failure_ends_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paced = PacedCallbacks(loop=asyncio.get_running_loop())
    done: list[str] = []

    def steps(name: str, fails_after: int) -> Iterator[None]:
        for number in range(3):
            if number == fails_after:
                raise RuntimeError("a defect")
            done.append(f"{name}{number}")
            yield

    paced.run(steps("a", 9))
    paced.run(steps("b", 1))
    assert done == []
    while len(paced):
        await asyncio.sleep(0)
    assert done == ["a0", "b0", "a1", "a2"]
    assert [record.getMessage() for record in caplog.records] == ["paced work failed"]
