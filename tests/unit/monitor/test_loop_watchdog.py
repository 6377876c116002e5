"""A block of the event loop is logged once with its stack, without any value; passes of the garbage collector are
timed.
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


def block_the_loop(seconds: float, secret: str) -> None:
    time.sleep(seconds)  # this is what is under test


def logged_blocks(caplog) -> list[dict]:
    """The logged blocks of this test; a machine that stands still blocks the loop, too."""
    reported = [record.fields for record in caplog.records if record.getMessage() == "event loop blocked"]
    return [block for block in reported if "block_the_loop" in block["stack"]]


async def run_under_watchdog(caplog, *steps) -> int:
    """Run the steps under a watchdog; returns how many blocks it reported."""
    reported: list[str] = []
    lag = LoopLag(loop=asyncio.get_running_loop())
    dog = LoopWatchdog(
        late_since_s=lambda: lag.late_since_s, on_blocked=lambda: reported.append(threading.current_thread().name)
    )
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
    assert set(reported) <= {"watchdog"}
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
    return len(reported)


@pytest.mark.gen_test
async def test_what_blocks_the_loop_is_named_once_by_file_line_and_function(caplog):
    assert await run_under_watchdog(caplog, lambda: block_the_loop(2.0, "hunter2")) >= 1
    (block,) = logged_blocks(caplog)
    assert "monitor/test_loop_watchdog.py:" in block["stack"]
    assert block["stack"].split(" < ")[0].endswith("block_the_loop")
    assert 250 <= block["ms"] < 2000
    assert "hunter2" not in caplog.text


@pytest.mark.gen_test
async def test_each_block_is_logged_and_a_loop_that_is_merely_busy_is_not(caplog):
    steps = [lambda seconds=seconds: block_the_loop(seconds, "") for seconds in (1.0, 0.02, 1.0)]
    assert await run_under_watchdog(caplog, *steps) >= 2
    assert len(logged_blocks(caplog)) == 2


@pytest.mark.gen_test
async def test_it_goes_on_after_its_callback_fails(caplog):
    def fail() -> None:
        raise ValueError("nobody foresaw this")

    lag = LoopLag(loop=asyncio.get_running_loop())
    dog = LoopWatchdog(late_since_s=lambda: lag.late_since_s, on_blocked=fail)
    lag.start()
    dog.start()
    try:
        for _ in range(2):
            block_the_loop(1.0, "")
            await asyncio.sleep(0.12)  # the timer runs again
    finally:
        dog.stop()
        lag.stop()
    assert len(logged_blocks(caplog)) == 2


def test_passes_of_the_collector_are_reported_until_it_is_stopped():
    reported: list[tuple[int, float]] = []
    pauses = GcPauses(on_pause=lambda generation, seconds: reported.append((generation, seconds)))
    pauses.start()
    gc.collect(0)
    gc.collect(1)
    pauses.stop()
    pauses.stop()
    count = len(reported)
    gc.collect(1)
    assert len(reported) == count
    assert {0, 1} <= {generation for generation, _ in reported}
    assert all(0 < seconds < 10 for _, seconds in reported)
    assert pauses._on_pass not in gc.callbacks
