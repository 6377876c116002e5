from __future__ import annotations

from store.monotonic_clock import MonotonicClock


def test_it_stands_still_while_the_clock_of_the_system_is_behind() -> None:
    times = iter((100, 90, 101))
    clock = MonotonicClock(lambda: next(times))
    assert [clock() for _ in range(3)] == [100, 100, 101]


def test_a_glance_at_it_from_another_thread_moves_nothing() -> None:
    times = iter((100, 110, 90, 105))
    clock = MonotonicClock(lambda: next(times))
    assert clock() == 100
    assert [clock.peek(), clock.peek()] == [110, 100]
    assert clock() == 105
