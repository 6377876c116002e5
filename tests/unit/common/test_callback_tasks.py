"""Coroutines for callers that wait by a callback: each outcome comes once, and closing ends what is under way."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from common.callback_tasks import CallbackTasks
from tests.support.waiting import until_on_loop

pytestmark = pytest.mark.gen_test

DEADLINE: contextvars.ContextVar[str] = contextvars.ContextVar("deadline", default="none")


class Outcomes:
    """Notes what the callbacks are called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, str | None]] = []

    def note(self, result: object, error: Exception | None) -> None:
        self.seen.append((result, None if error is None else str(error)))


async def test_a_result_and_an_error_are_passed_on() -> None:
    tasks, outcomes = CallbackTasks(), Outcomes()

    async def succeed() -> int:
        await asyncio.sleep(0)
        return 7

    async def fail() -> int:
        raise LookupError("lost")

    tasks.run(succeed(), outcomes.note)
    tasks.run(fail(), outcomes.note)
    assert outcomes.seen == [], "never before the call returns"
    await until_on_loop(lambda: len(outcomes.seen) == 2)
    assert sorted(outcomes.seen, key=str) == [(7, None), (None, "lost")]


async def test_the_callers_context_is_not_the_tasks() -> None:
    tasks, outcomes = CallbackTasks(), Outcomes()
    DEADLINE.set("the caller's")

    async def look() -> str:
        return DEADLINE.get()

    tasks.run(look(), outcomes.note)
    await until_on_loop(lambda: outcomes.seen)
    assert outcomes.seen == [("none", None)]


async def test_closing_ends_what_is_under_way_and_passes_nothing_on() -> None:
    tasks, outcomes = CallbackTasks(), Outcomes()
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("hang")

    tasks.run(hang(), outcomes.note)
    await asyncio.sleep(0)
    await tasks.close()
    assert (ended, outcomes.seen) == (["hang"], [])


async def test_a_callback_that_raises_is_logged_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    tasks, outcomes = CallbackTasks(), Outcomes()

    async def succeed() -> int:
        return 7

    def clumsy(result: object, error: Exception | None) -> None:
        outcomes.note(result, error)
        raise LookupError("clumsy")

    tasks.run(succeed(), clumsy)
    tasks.run(succeed(), outcomes.note)
    await until_on_loop(lambda: len(outcomes.seen) == 2)
    await tasks.close()
    assert outcomes.seen == [(7, None)] * 2
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["clumsy"]
    caplog.clear()
