"""The deadline of one exchange with Redis."""

from __future__ import annotations

import asyncio

from cluster.redis_connection import redis_bounds


class Deadline:
    """Ends the wait of `limit` `timeout_s` seconds after `since_s` (loop time).

    If the event loop itself was late, the wait is extended once by `timeout_s`.
    """

    def __init__(self, limit: asyncio.Timeout, since_s: float, timeout_s: float) -> None:
        self._limit = limit
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._due_s = since_s + timeout_s
        self._excused = False
        self._timer = self._loop.call_at(self._due_s, self._check)

    def _check(self) -> None:
        now_s = self._loop.time()
        if now_s - self._due_s > redis_bounds.LOOP_LATE_S and not self._excused:
            self._excused = True
            self._due_s = now_s + self._timeout_s
            self._timer = self._loop.call_at(self._due_s, self._check)
        elif not self._limit.expired():  # it may have ended in this turn, because too many commands wait
            self._limit.reschedule(now_s)

    def cancel(self) -> None:
        self._timer.cancel()
