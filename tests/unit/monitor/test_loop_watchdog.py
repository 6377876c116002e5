"""What blocks the event loop is named, once, without anything that it holds;
a pass of the collector is told and timed.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time

import pytest

from monitor.gc_pauses import GcPauses
from monitor.loop_lag import LoopLag
from monitor.loop_watchdog import LoopWatchdog


def hold_up_the_loop(seconds: float, secret: str) -> None:
    time.sleep(seconds)  # this is what is under test


def held_up(caplog) -> list[dict]:
    """The blocks that were told of and are ours: a machine that stands still blocks, too."""
    told = [record.fields for record in caplog.records if record.getMessage() == "event loop blocked"]
    return [block for block in told if "hold_up_the_loop" in block["stack"]]


async def watched(caplog, *steps) -> int:
    """Go through the steps under a watchdog; returns how often it was told."""
    told: list[str] = []
    lag = LoopLag(loop=asyncio.get_running_loop())
    dog = LoopWatchdog(due_s=lambda: lag.due_s, on_blocked=lambda: told.append(threading.current_thread().name))
    with caplog.at_level(logging.WARNING):
        lag.start()
        dog.start()
        try:
            for step in steps:
                step()
                await asyncio.sleep(0.12)  # the timer runs again
        finally:
            dog.stop()
            lag.stop()
    assert set(told) <= {"watchdog"}
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
    return len(told)


@pytest.mark.gen_test
async def test_what_blocks_the_loop_is_named_once_by_file_line_and_function(caplog):
    assert await watched(caplog, lambda: hold_up_the_loop(2.0, "hunter2")) >= 1
    (block,) = held_up(caplog)
    assert "monitor/test_loop_watchdog.py:" in block["stack"]
    assert block["stack"].split(" < ")[0].endswith("hold_up_the_loop")
    assert 250 <= block["ms"] < 2000
    assert "hunter2" not in caplog.text


@pytest.mark.gen_test
async def test_each_block_is_told_and_a_loop_that_is_merely_busy_is_not(caplog):
    steps = [lambda seconds=seconds: hold_up_the_loop(seconds, "") for seconds in (1.0, 0.02, 1.0)]
    assert await watched(caplog, *steps) >= 2
    assert len(held_up(caplog)) == 2


@pytest.mark.gen_test
async def test_it_watches_on_where_who_is_told_of_a_block_fails(caplog):
    def fail() -> None:
        raise ValueError("nobody foresaw this")

    lag = LoopLag(loop=asyncio.get_running_loop())
    dog = LoopWatchdog(due_s=lambda: lag.due_s, on_blocked=fail)
    lag.start()
    dog.start()
    try:
        for _ in range(2):
            hold_up_the_loop(1.0, "")
            await asyncio.sleep(0.12)  # the timer runs again
    finally:
        dog.stop()
        lag.stop()
    assert len(held_up(caplog)) == 2


def test_passes_of_the_collector_are_told_until_it_is_stopped():
    told: list[tuple[int, float]] = []
    pauses = GcPauses(on_pause=lambda generation, seconds: told.append((generation, seconds)))
    pauses.start()
    gc.collect(0)
    gc.collect(1)
    pauses.stop()
    pauses.stop()
    count = len(told)
    gc.collect(1)
    assert len(told) == count
    assert {0, 1} <= {generation for generation, _ in told}
    assert all(0 < seconds < 10 for _, seconds in told)
    assert pauses._on_pass not in gc.callbacks
