"""The deadline of exchanges with Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cluster.redis_connection import redis_bounds


class Deadline:
    """Calls `on_overdue` when what `oldest_s` returns (the loop time of the oldest command under way, None if there is
    none) is `timeout_s` seconds ago.

    If the event loop itself was late, that waits once for `timeout_s` more. One timer serves all exchanges: it looks
    again when the command that is the oldest then would be due.
    """

    def __init__(
        self, *, oldest_s: Callable[[], float | None], timeout_s: float, on_overdue: Callable[[], None]
    ) -> None:
        self._oldest_s = oldest_s
        self._timeout_s = timeout_s
        self._on_overdue = on_overdue
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._excused_s: float | None = None  # the oldest command that was given more time

    def watch(self) -> None:
        """A command is under way."""
        if self._timer is None:
            oldest_s = self._oldest_s()
            if oldest_s is not None:
                self._check_at(oldest_s + self._timeout_s)

    def cancel(self) -> None:
        """Watch no more, until the next `watch`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_at(self, due_s: float) -> None:
        self._timer = self._loop.call_at(due_s, self._check, due_s)

    def _check(self, due_s: float) -> None:
        self._timer = None
        oldest_s, now_s = self._oldest_s(), self._loop.time()
        if oldest_s is None:
            return
        if oldest_s + self._timeout_s > now_s:
            self._check_at(oldest_s + self._timeout_s)
        elif now_s - due_s > redis_bounds.LOOP_LATE_S and self._excused_s != oldest_s:
            self._excused_s = oldest_s
            self._check_at(now_s + self._timeout_s)
        else:
            self._on_overdue()
