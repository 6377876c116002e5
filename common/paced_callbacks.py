"""Work that many things bring at one moment, in slices between loop turns. Knows nothing of what the work is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

SLICE_S = 0.002  # of a loop turn, of which an answer takes some three


class PacedCallbacks:
    """Like the loop's `call_soon`, in order, but of all that was asked for only some milliseconds' worth a turn.

    It is as long as what asks: each connection and each person has one thing here at a time, or two.
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

    def soon(self, work: Callable[[], object]) -> None:
        """Do `work` in a later loop turn; what it raises is logged."""
        if not self._waiting:
            self._loop.call_soon(self._slice)
        self._waiting.append(work)

    def _slice(self) -> None:
        waiting = self._waiting
        until = self._now() + self._slice_s
        while waiting:
            try:
                waiting[0]()
            except Exception:
                log.exception("paced work failed")
            waiting.popleft()  # only now: what it asks for meanwhile starts no second run
            if self._now() >= until:
                break
        if waiting:
            self._loop.call_soon(self._slice)
