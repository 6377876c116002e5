"""A coroutine that is run eagerly needs no loop turn until it waits, and is a task like any other from then on."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from common.eager_start import run_eagerly

pytestmark = pytest.mark.gen_test


async def test_what_does_not_wait_has_ended_when_the_call_returns() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("ended")

    assert run_eagerly(work(), asyncio.get_running_loop()) is None
    assert seen == ["ended"]


async def test_what_waits_has_begun_when_the_call_returns_and_goes_on_in_a_task() -> None:
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()
    second: asyncio.Future[int] = loop.create_future()
    seen: list[object] = []

    async def work() -> None:
        seen.append("begun")
        seen.append(await first)
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            seen.append(await second)
        seen.append(asyncio.current_task())

    task = run_eagerly(work(), loop)
    assert task is not None
    assert seen == ["begun"]
    first.set_result(1)
    loop.call_later(0.001, second.set_result, 2)
    await task
    assert seen == ["begun", 1, 2, task]


async def test_what_is_waited_for_may_be_a_turn_of_the_loop() -> None:
    seen: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append("ended")

    task = run_eagerly(work(), asyncio.get_running_loop())
    assert task is not None and not seen
    await task
    assert seen == ["ended"]


async def test_an_error_before_it_waits_is_the_callers_and_one_after_it_the_tasks() -> None:
    loop = asyncio.get_running_loop()
    waited_for: asyncio.Future[None] = loop.create_future()

    async def fail_at_once() -> None:
        raise LookupError("at once")

    async def fail_later() -> None:
        await waited_for

    with pytest.raises(LookupError, match="at once"):
        run_eagerly(fail_at_once(), loop)
    task = run_eagerly(fail_later(), loop)
    assert task is not None
    waited_for.set_exception(LookupError("later"))
    with pytest.raises(LookupError, match="later"):
        await task


async def test_a_failure_of_what_is_waited_for_can_be_caught() -> None:
    waited_for: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await waited_for
        except LookupError:
            await asyncio.sleep(0)
            seen.append("caught")

    task = run_eagerly(work(), asyncio.get_running_loop())
    assert task is not None
    waited_for.set_exception(LookupError("lost"))
    await task
    assert seen == ["caught"]


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_task_that_is_cancelled_tells_the_coroutine_also_before_the_tasks_first_step(has_begun: bool) -> None:
    waited_for: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await waited_for
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            seen.append("cancelled")
            raise

    task = run_eagerly(work(), asyncio.get_running_loop())
    assert task is not None
    if has_begun:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


def begun_outside_of_a_task(work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Future[asyncio.Task[None] | None]:
    """What `run_eagerly` returns to a callback of the loop."""
    loop = asyncio.get_running_loop()
    returned: asyncio.Future[asyncio.Task[None] | None] = loop.create_future()
    loop.call_soon(lambda: returned.set_result(run_eagerly(work(), loop)))
    return returned


async def test_a_timeout_that_is_entered_before_it_waits_ends_it_in_time_and_no_sooner() -> None:
    seen: list[str] = []

    async def work() -> None:
        async with asyncio.timeout(60):
            seen.append("entered")
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        assert task is not None and not task.cancelling()
        seen.append("ended")

    async def late() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        seen.append("late")

    for one in (work, late):
        task = await begun_outside_of_a_task(one)
        assert task is not None
        await task
    assert seen == ["entered", "ended", "late"]


async def test_after_it_has_begun_there_is_no_current_task_left() -> None:
    async def work() -> None:
        assert asyncio.current_task() is not None

    assert await begun_outside_of_a_task(work) is None
    loop = asyncio.get_running_loop()
    none: asyncio.Future[object] = loop.create_future()
    loop.call_soon(lambda: none.set_result(asyncio.current_task()))
    assert await none is None


async def test_what_it_sets_in_its_context_is_its_own_and_is_taken_back_where_it_goes_on() -> None:
    setting: contextvars.ContextVar[int] = contextvars.ContextVar("setting", default=0)

    async def work() -> None:
        token = setting.set(1)
        await asyncio.sleep(0)
        assert setting.get() == 1
        setting.reset(token)  # raises ValueError in another context

    task = run_eagerly(work(), asyncio.get_running_loop())
    assert task is not None and setting.get() == 0
    await task


async def test_within_a_task_the_callers_is_the_current_one_again() -> None:
    caller = asyncio.current_task()

    async def work() -> None:
        assert asyncio.current_task() is not caller

    assert run_eagerly(work(), asyncio.get_running_loop()) is None
    assert asyncio.current_task() is caller
