"""For how long this machine stood still: what a bound on a time by the clock is more generous by."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_S = 0.05


class Stalls:
    """Counts while it lasts by how much short sleeps took longer than they were to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def count(self, over: threading.Event) -> None:
        before_s = time.monotonic()
        while not over.wait(BEAT_S):
            now_s = time.monotonic()
            self.seconds += max(0.0, now_s - before_s - BEAT_S)
            before_s = now_s


@contextmanager
def stalls() -> Iterator[Stalls]:
    """Count them on a thread, up to the end of the block."""
    counted, over = Stalls(), threading.Event()
    thread = threading.Thread(target=counted.count, args=(over,))
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()
