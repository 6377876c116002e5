"""The percentiles of the event loop's lag."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace

import pytest

from app.event_loop import SlicedLoop
from common.loop_turns import LoopTurns
from monitor.loop_lag import EVERY_S, LoopLag


class Loop:
    """A loop's clock and its only timer, wound by hand: a machine that stands still would be a stall, too."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, callback: Callable[[], None]) -> SimpleNamespace:
        self._next = when_s, callback
        return SimpleNamespace(cancel=lambda: None)

    def ticks(self, count: int, *, late_s: float = 0.0) -> None:
        for _ in range(count):
            when_s, callback = self._next
            self.now_s = when_s + late_s
            callback()


def test_one_stall_is_no_overload_and_two_are():
    """A process that has just started has few samples; and where the loop is late there are few."""
    lag = LoopLag(loop=(loop := Loop()))
    lag.start()
    loop.ticks(4)
    loop.ticks(1, late_s=0.3)
    assert lag.percentiles(99) == (0.0,)
    loop.ticks(1, late_s=0.3)
    assert lag.percentiles(99) == (pytest.approx(0.3),)
    loop.ticks(round(3.0 / EVERY_S))
    assert lag.percentiles(99) == (0.0,)


def test_a_stand_still_longer_than_what_is_kept_is_one_stall_all_the_same():
    lag = LoopLag(loop=(loop := Loop()))
    lag.start()
    loop.ticks(10)
    loop.ticks(1, late_s=3600.0)
    assert lag.percentiles(90, 99) == (0.0, 0.0)
    loop.ticks(1, late_s=4.0)
    assert lag.percentiles(90, 99) == (pytest.approx(4.0), pytest.approx(4.0)), (
        "who is as late turn after turn is overloaded"
    )


def test_the_lag_is_measured_on_whatever_the_one_who_is_told_raises(caplog: pytest.LogCaptureFixture):
    reported: list[float] = []

    def fail(lag_s: float) -> None:
        reported.append(lag_s)
        raise ValueError("nobody foresaw this")

    lag = LoopLag(loop=(loop := Loop()), on_lag=fail)
    lag.start()
    for _ in range(3):
        with contextlib.suppress(ValueError):
            loop.ticks(1, late_s=0.3)
        assert lag.late_since_s == pytest.approx(loop.now_s + EVERY_S), "the next is due"
    assert reported == [pytest.approx(0.3)] * 3
    assert lag.percentiles(50) == (pytest.approx(0.3),)
    assert caplog.text.count("Traceback") == 1, "there are forty of them a second"


# ---- a loop that tells of its turns ------------------------------------------------------------------------------


class LoopWithTurns(Loop):
    """As our own loop: it has turns, and no timer."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = LoopTurns()

    def turn(self, *, waits_s: float, runs_s: float) -> None:
        self.turns.began_s = self.turns.woke_s = self.now_s + waits_s
        self.now_s = self.turns.began_s + runs_s
        if self.now_s >= self.turns.due_s:
            self.turns.end(self.now_s)


def test_a_loop_that_waited_had_no_lag_for_as_many_times_as_the_timer_would_have_run():
    reported: list[float] = []
    lag = LoopLag(loop=(loop := LoopWithTurns()), on_lag=reported.append)
    lag.start()
    loop.turn(waits_s=1.01, runs_s=0.001)
    assert reported == [0.0] * 40
    assert lag.percentiles(99) == (0.0,)


def test_a_long_turn_is_one_lag_less_what_was_left_until_the_timer_was_due():
    reported: list[float] = []
    lag = LoopLag(loop=(loop := LoopWithTurns()), on_lag=reported.append)
    lag.start()
    loop.turn(waits_s=0.1 * EVERY_S, runs_s=0.3)
    assert reported == [pytest.approx(0.3 - 0.9 * EVERY_S)]
    loop.turn(waits_s=0.0, runs_s=0.1 * EVERY_S)
    assert len(reported) == 1, "the timer would not be due"
    loop.turn(waits_s=0.0, runs_s=0.3)
    assert lag.percentiles(99) == (pytest.approx(0.3 - 0.9 * EVERY_S),)


def test_a_loop_that_waited_for_an_hour_takes_no_more_than_is_kept():
    reported: list[float] = []
    lag = LoopLag(loop=(loop := LoopWithTurns()), on_lag=reported.append)
    lag.start()
    loop.turn(waits_s=3600.0, runs_s=0.0)
    assert len(reported) <= round(3.0 / EVERY_S) + 1
    lag.stop()
    loop.turn(waits_s=1.0, runs_s=1.0)
    assert len(reported) <= round(3.0 / EVERY_S) + 1, "it is not measured any more"


def test_our_own_loop_tells_of_a_turn_that_blocks_and_sets_no_timer_for_it():
    reported: list[float] = []
    with closing(SlicedLoop()) as loop:
        lag = LoopLag(loop=loop, on_lag=reported.append)
        loop.call_soon(lag.start)
        loop.call_later(0.1, time.sleep, 0.2)  # this is what is under test
        loop.call_later(0.11, loop.call_soon, loop.stop)
        loop.run_forever()
        assert max(reported) > 0.15
        assert lag.late_since_s <= loop.time()
        assert not loop._scheduled
