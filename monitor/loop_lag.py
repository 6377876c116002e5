"""Measures the lag of the event loop: how late it runs, or would run, a periodic timer.

Also runs where metrics are switched off, because load shedding uses the lag. A loop that tells when its turns end has
no timer: forty times a second it woke an idle process, for which each waking costs as much as a message under load.
Such a loop that waits while the machine stands still is late from the next timer on that anybody has set.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from math import ceil, inf

from common.loop_turns import turns_of

log = logging.getLogger(__name__)

EVERY_S = 0.025
KEEP_S = 3.0


class LoopLag:
    """Keeps the lags of the newest `keep_s` seconds, one every `every_s`, and calls `on_lag` with each, in seconds.

    A callback that blocks the loop is one lag, as long as the callback ran, less up to `every_s`.
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
        self._turns = turns_of(loop)
        self._on_lag = on_lag
        self._every_s = every_s
        self._keep_s = keep_s
        # (loop time, lag)
        self._lags: deque[tuple[float, float]] = deque(maxlen=max(1, round(keep_s / every_s)))
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._has_callback_failed = False  # logged once

    def start(self) -> None:
        """Start, or restart."""
        self.stop()
        self._due_s = self._loop.time() + self._every_s
        if self._turns is not None:
            self._turns.watch(self._on_turn, self._due_s)
        else:
            self._timer = self._loop.call_at(self._due_s, self._tick)

    def stop(self) -> None:
        """Idempotent."""
        if self._turns is not None:
            self._turns.unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def late_since_s(self) -> float:
        """Since when the loop would be late, if it is: where that is long ago, something blocks it. In the loop's time.

        May be read on another thread.
        """
        if self._turns is None:
            return self._due_s
        woke_s = self._turns.woke_s
        return self._loop.time() if woke_s == inf else woke_s

    def _on_turn(self, began_s: float, ended_s: float) -> float:
        """Take the lags that the timer would have had until the end of a turn. Returns when it would be due next."""
        self._due_s = max(self._due_s, began_s - self._keep_s)
        while self._due_s < began_s:  # the loop waited, and would have run the timer at once
            self._take(self._due_s, 0.0)
        if self._due_s <= ended_s:
            self._take(ended_s, ended_s - self._due_s)
        return self._due_s

    def _tick(self) -> None:
        now_s = self._loop.time()
        lag_s = max(0.0, now_s - self._due_s)
        # Set before the callback of `_take`, so that an error in it does not end the timer.
        self._timer = self._loop.call_at(now_s + self._every_s, self._tick)
        self._take(now_s, lag_s)

    def _take(self, now_s: float, lag_s: float) -> None:
        self._lags.append((now_s, lag_s))
        self._due_s = now_s + self._every_s
        if self._on_lag is not None:
            self._report(self._on_lag, lag_s)

    def _report(self, on_lag: Callable[[float], None], lag_s: float) -> None:
        try:
            on_lag(lag_s)
        except Exception:
            if not self._has_callback_failed:
                log.exception("the callback for a lag of the loop failed; logged once")
            self._has_callback_failed = True

    def percentiles(self, *wanted: float, within_s: float | None = None) -> tuple[float, ...]:
        """Return the percentiles `wanted` of the lags of the last `within_s` seconds (None: of all kept), in seconds.

        Without any lag they are 0.0. The longest of several lags is left out, because one stall is not an overload. Of
        100 lags or more the 99th percentile leaves it out anyway; but there are fewer after a start, and while the loop
        is late.
        """
        since_s = self._loop.time() - (self._keep_s if within_s is None else within_s)
        # The newest two always count: after a stall longer than the window, the window has only the lag of that stall.
        count = max(2, sum(at_s >= since_s for at_s, _ in self._lags))
        lags = sorted(lag_s for _, lag_s in list(self._lags)[-count:])
        if not lags:
            return tuple(0.0 for _ in wanted)
        last = max(0, len(lags) - 2)
        return tuple(lags[min(last, max(0, ceil(percent / 100 * len(lags)) - 1))] for percent in wanted)
