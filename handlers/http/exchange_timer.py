"""The one timeout of a connection: of the head, the body or the reply of its present exchange. Knows no connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ExchangeTimer:
    """Calls a function once, unless the timer is set again or cleared before.

    It is set and cleared for each request, so the loop's own timer is left to run, and asks when it fires what is due:
    to give each request timers of the loop was 5 µs of its CPU. The last to use it has to `close` it.
    """

    __slots__ = ("_due_at", "_handle", "_loop", "_then")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._then: Callable[[], None] | None = None
        self._due_at = 0.0  # on the loop's clock

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds, in place of what was to be called."""
        self._then = then
        self._due_at = due_at = self._loop.time() + seconds
        if self._handle is not None:
            if self._handle.when() <= due_at:
                return
            self._handle.cancel()
        self._handle = self._loop.call_at(due_at, self._fire)

    def clear(self) -> None:
        """Call nothing. Idempotent."""
        self._then = None

    def close(self) -> None:
        """Call nothing, and leave nothing with the loop. Idempotent."""
        self._then = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        then = self._then
        if then is None:
            return
        if self._due_at > self._loop.time():
            self._handle = self._loop.call_at(self._due_at, self._fire)
            return
        self._then = None
        then()

    def require_progress(
        self, every_s: float, min_bytes: int, received: Callable[[], int], on_late: Callable[[], None]
    ) -> None:
        """Call `on_late` as soon as fewer than `min_bytes` have come in `every_s`; `received` returns how many have."""
        enough = received() + min_bytes

        def check() -> None:
            if received() < enough:
                on_late()
            else:
                self.require_progress(every_s, min_bytes, received, on_late)

        self.set(every_s, check)
