"""How long this machine stood still, and bounds on wall-clock times that allow for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLEEP_S = 0.05
SLOW_MACHINE_S = 5.0  # added to bounds: other processes use the same cores


class StallCounter:
    """The total of seconds by which short sleeps exceeded their length."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def count(self, over: threading.Event) -> None:
        before_s = time.monotonic()
        while not over.wait(SLEEP_S):
            now_s = time.monotonic()
            self.seconds += max(0.0, now_s - before_s - SLEEP_S)
            before_s = now_s


@contextmanager
def counting_stalls() -> Iterator[StallCounter]:
    """Count stalls on a thread until the end of the block."""
    counted, over = StallCounter(), threading.Event()
    thread = threading.Thread(target=counted.count, args=(over,))
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


@contextmanager
def ending_within(bound_s: float) -> Iterator[None]:
    """Assert that the block ends within a bound of the contract, on a machine that is slow and may stand still."""
    began_s = time.monotonic()
    with counting_stalls() as stalled:
        yield
    assert time.monotonic() - began_s < bound_s + SLOW_MACHINE_S + stalled.seconds
