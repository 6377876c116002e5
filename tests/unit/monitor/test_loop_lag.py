"""The percentiles of the event loop's lag."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace

import pytest

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
        assert lag.due_s == pytest.approx(loop.now_s + EVERY_S), "the next is due"
    assert reported == [pytest.approx(0.3)] * 3
    assert lag.percentiles(50) == (pytest.approx(0.3),)
    assert caplog.text.count("Traceback") == 1, "there are forty of them a second"
