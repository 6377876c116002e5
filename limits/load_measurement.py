"""Measures the load of this process for load_shedding.py: loop lag, CPU, the store's queue. Decides nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from limits.load_shedding import Load
from monitor.loop_lag import LoopLag

RECENT_S = 1.0
CPU_OVER_S = 3.0
CPU_SAMPLES_MAX = 100


class LoadMeasurement:
    """`queue()` returns the used share of the store's queue, 0 to 1; `now` is monotonic, in seconds."""

    def __init__(self, *, lag: LoopLag, queue: Callable[[], float], now: Callable[[], float]) -> None:
        self._lag = lag
        self._queue = queue
        self._now = now
        self._cpu_samples: deque[tuple[float, float]] = deque([(now(), time.thread_time())], maxlen=CPU_SAMPLES_MAX)

    def load(self) -> Load:
        """Return the load of the last seconds. Must be called on the loop's thread: the CPU time is this thread's."""
        now_s, spent_s = self._now(), time.thread_time()
        samples = self._cpu_samples
        while len(samples) > 1 and now_s - samples[1][0] >= CPU_OVER_S:
            samples.popleft()
        since_s, spent_then_s = samples[0]
        # The first second counts as 0, because a start is not an overload
        cpu = (spent_s - spent_then_s) / (now_s - since_s) if now_s - since_s >= RECENT_S else 0.0
        samples.append((now_s, spent_s))
        (lag_s,) = self._lag.percentiles(99)
        (recent_s,) = self._lag.percentiles(90, within_s=RECENT_S)
        return Load(1000 * lag_s, cpu, self._queue(), 1000 * recent_s)
