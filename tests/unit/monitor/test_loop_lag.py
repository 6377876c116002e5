"""The loop's lag, as percentiles of what a timer saw."""

from __future__ import annotations

import asyncio
import time

import pytest

from monitor.loop_lag import EVERY_S, LoopLag


@pytest.fixture
def lag():
    loop = asyncio.new_event_loop()
    made = LoopLag(loop=loop)
    made.start()
    yield loop, made
    made.stop()
    loop.close()


def stall(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    loop.call_soon(time.sleep, seconds)  # what the test is about: something that holds the loop
    loop.run_until_complete(asyncio.sleep(2 * EVERY_S))


def test_one_stall_is_no_overload_and_two_are(lag):
    """A process that has just started has few samples; and where the loop is late there are few."""
    loop, made = lag
    loop.run_until_complete(asyncio.sleep(4 * EVERY_S))
    stall(loop, 1.0)
    assert made.percentiles(99)[0] < 0.5
    stall(loop, 1.0)
    assert made.percentiles(99)[0] >= 1.0 - EVERY_S

