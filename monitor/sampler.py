"""The timer of the samples: takes one every few seconds and passes it to the subscribers.

The values are computed in monitor/sample_values.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence

from monitor.counting_observer import Peaks
from monitor.metrics_snapshot import MetricsSnapshot
from monitor.sample_values import Sample, sample_of

Subscriber = Callable[[float, Sample], None]

log = logging.getLogger(__name__)


class Sampler:
    """Calls each of `subscribers` with (seconds since the epoch, sample) every `interval_s`, on the event loop.

    A subscriber must not block the loop; one that raises is logged, and the others are still called. `snapshot` returns
    the present values, `peaks` the greatest values since its last call. `on_start` is called with the names that
    samples have where nothing happens; others come when there is something to measure.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        snapshot: Callable[[], MetricsSnapshot],
        peaks: Callable[[], Peaks],
        interval_s: float,
        subscribers: Sequence[Subscriber],
        on_start: Callable[[Collection[str]], None] = lambda names: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._snapshot = snapshot
        self._peaks = peaks
        self._interval_s = interval_s
        self._on_start = on_start
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self._before: MetricsSnapshot | None = None
        self._before_s = 0.0
        self._subscribers = tuple(subscribers)
        self.newest_sample: Sample | None = None

    def start(self) -> None:
        self._before, self._before_s = self._snapshot(), self._loop.time()
        self._peaks()  # discards the peaks from before the first interval
        self._on_start(sample_of(self._before, self._before, self._interval_s, Peaks()).keys())
        self._timer = self._loop.call_later(self._interval_s, self._tick)

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._interval_s, self._tick)
        now_s, snapshot = self._loop.time(), self._snapshot()
        assert self._before is not None
        self.newest_sample = sample_of(snapshot, self._before, now_s - self._before_s, self._peaks())
        self._before, self._before_s = snapshot, now_s
        at_s = self._now()
        for subscriber in self._subscribers:
            try:
                subscriber(at_s, self.newest_sample)
            except Exception:
                log.exception("a sample was not taken")  # the other subscribers, and the next sample, go on
