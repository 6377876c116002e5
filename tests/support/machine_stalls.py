"""How long this machine stood still: tests add it to the bounds on wall-clock times."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLEEP_S = 0.05


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
