"""Runs callbacks that many connections queue at one moment in slices, so that no loop turn is long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

_OVER = object()
SLICE_S = 0.002  # seconds in each loop turn; a reply takes some three turns


class PacedCallbacks:
    """Like the loop's `call_soon`, in order, but in each loop turn callbacks run for `slice_s` seconds only.

    The queue is bounded by its callers: each connection and each person has at most two callbacks in it, and each
    iterator one.
    """

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, slice_s: float = SLICE_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self._slice_s = slice_s
        self._now = now
        self._waiting: deque[Callable[[], object]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def soon(self, callback: Callable[[], object]) -> None:
        """Run `callback` in a later loop turn; an exception of it is logged."""
        if not self._waiting:
            self._loop.call_soon(self._slice)
        self._waiting.append(callback)

    def run(self, steps: Iterator[object]) -> None:
        """Take one item of `steps` after the other, each as a callback; an exception of it is logged, and ends it."""

        def step() -> None:
            if next(steps, _OVER) is not _OVER:
                self.soon(step)

        self.soon(step)

    def _slice(self) -> None:
        waiting = self._waiting
        until = self._now() + self._slice_s
        while waiting:
            try:
                waiting[0]()
            except Exception:
                log.exception("paced work failed")
            waiting.popleft()  # only now, so that a callback that it queues does not schedule a second run
            if self._now() >= until:
                break
        if waiting:
            self._loop.call_soon(self._slice)
