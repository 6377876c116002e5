"""Measures how late the event loop is, with a timer that knows when it was due.

It also runs where nothing else is measured.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from math import ceil

log = logging.getLogger(__name__)

EVERY_S = 0.025
KEEP_S = 3.0


class LoopLag:
    """Lags of the newest `keep_s` seconds, one each `every_s`. `on_lag` is called with each, in seconds.

    Something that blocks the loop for so long shows as one lag of that length, less up to `every_s`.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        on_lag: Callable[[float], None] | None = None,
        every_s: float = EVERY_S,
        keep_s: float = KEEP_S,
    ) -> None:
        self._loop = loop
        self._on_lag = on_lag
        self._every_s = every_s
        self._keep_s = keep_s
        # With when they were seen
        self._lags: deque[tuple[float, float]] = deque(maxlen=max(1, round(keep_s / every_s)))
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._has_callback_failed = False  # logged once

    def start(self) -> None:
        """Begin, or begin anew."""
        self.stop()
        self._due_s = self._loop.time() + self._every_s
        self._timer = self._loop.call_at(self._due_s, self._tick)

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def due_s(self) -> float:
        """When the next lag is to be taken, in the loop's time; in the past, the loop is late by now.

        May be read by another thread.
        """
        return self._due_s

    def _tick(self) -> None:
        now_s = self._loop.time()
        lag_s = max(0.0, now_s - self._due_s)
        self._lags.append((now_s, lag_s))
        self._due_s = now_s + self._every_s
        # Before the callback, so that an error there does not end the timer
        self._timer = self._loop.call_at(self._due_s, self._tick)
        if self._on_lag is not None:
            self._report(self._on_lag, lag_s)

    def _report(self, on_lag: Callable[[float], None], lag_s: float) -> None:
        try:
            on_lag(lag_s)
        except Exception:
            if not self._has_callback_failed:
                log.exception("a lag of the loop was not taken note of; told once")
            self._has_callback_failed = True

    def percentiles(self, *wanted: float, within_s: float | None = None) -> tuple[float, ...]:
        """The lags, in seconds, that so many percent of the newest do not exceed, of all kept or of so many seconds;
        0.0 where none are.

        The longest is left out where there are others: one stall is no overload. Of 100 and more the 99th percentile
        says so anyway; but after a start there are few, and while the loop is late there come fewer.
        """
        since_s = self._loop.time() - (self._keep_s if within_s is None else within_s)
        # The newest two are always looked at: after the loop stood still for longer than the window there would be that
        # one lag alone.
        count = max(2, sum(at_s >= since_s for at_s, _ in self._lags))
        lags = sorted(lag_s for _, lag_s in list(self._lags)[-count:])
        if not lags:
            return tuple(0.0 for _ in wanted)
        last = max(0, len(lags) - 2)
        return tuple(lags[min(last, max(0, ceil(percent / 100 * len(lags)) - 1))] for percent in wanted)
