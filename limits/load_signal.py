"""What the process carries, as the adaptive part wants it: loop lag, processor, the store's queue.

Reads clocks; decides nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from limits.shedding_policy import Load
from monitor.loop_lag import LoopLag

RECENT_S = 1.0
CPU_OVER_S = 3.0
LOOKS_MAX = 100


class LoadSignal:
    """`queue()` is the share of the store's queue that is taken, 0 to 1; `now` is monotonic, in seconds."""

    def __init__(self, *, lag: LoopLag, queue: Callable[[], float], now: Callable[[], float]) -> None:
        self._lag = lag
        self._queue = queue
        self._now = now
        self._looks: deque[tuple[float, float]] = deque([(now(), time.thread_time())], maxlen=LOOKS_MAX)

    def load(self) -> Load:
        """The load of the last seconds; to be asked on the loop's thread, whose processor time it is."""
        now_s, spent_s = self._now(), time.thread_time()
        looks = self._looks
        while len(looks) > 1 and now_s - looks[1][0] >= CPU_OVER_S:
            looks.popleft()
        since_s, spent_then_s = looks[0]
        # A start is no overload
        cpu = (spent_s - spent_then_s) / (now_s - since_s) if now_s - since_s >= RECENT_S else 0.0
        looks.append((now_s, spent_s))
        (lag_s,) = self._lag.percentiles(99)
        (recent_s,) = self._lag.percentiles(90, within_s=RECENT_S)
        return Load(1000 * lag_s, cpu, self._queue(), 1000 * recent_s)
