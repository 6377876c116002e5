"""SerialTaskQueue are run one after the other, and go on whatever one of them comes to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from common.serial_task_queue import SerialTaskQueue
from store.errors import StoreUnavailable

pytestmark = pytest.mark.gen_test


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


def noting(done: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def task() -> None:
        done.append(name)

    return task


async def cancelled_inside() -> None:
    """A task that waits for what somebody else cancels."""
    waited_for = asyncio.get_running_loop().create_future()
    waited_for.cancel()
    await waited_for


async def fails() -> None:
    raise LookupError("nobody foresaw this")


async def finds_no_store() -> None:
    raise StoreUnavailable("it is away")


async def test_plain_calls_have_their_place_among_the_coroutines() -> None:
    task_queue, done = SerialTaskQueue(), list[str]()
    task_queue.run(noting(done, "first"))
    task_queue.run(lambda: done.append("a plain call"))
    task_queue.run(noting(done, "last"))
    assert done == [], "none at once"
    await until(lambda: not task_queue.is_busy)
    assert done == ["first", "a plain call", "last"]
    await task_queue.close()


@pytest.mark.parametrize("bad", [cancelled_inside, fails, finds_no_store])
async def test_whatever_one_task_comes_to_those_that_wait_and_those_that_come_later_are_run(
    bad: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    task_queue, done = SerialTaskQueue(), list[str]()
    task_queue.run(noting(done, "before"))
    task_queue.run(bad)
    task_queue.run(noting(done, "behind"))
    await until(lambda: done == ["before", "behind"])
    await until(lambda: not task_queue.is_busy)
    task_queue.run(bad)
    await until(lambda: not task_queue.is_busy)
    task_queue.run(noting(done, "later"))
    await until(lambda: done == ["before", "behind", "later"])
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 2, "one for each"
    await task_queue.close()


async def test_closing_ends_what_hangs_and_runs_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    task_queue, done = SerialTaskQueue(), list[str]()
    task_queue.run(asyncio.get_running_loop().create_future)  # never done
    task_queue.run(noting(done, "behind"))
    await task_queue.close()
    await until(lambda: not task_queue.is_busy)
    assert not task_queue.run(noting(done, "later"))
    await asyncio.sleep(0)
    assert done == []
