"""A wall clock that never runs backwards, for times that must not fall as seq rises."""

from __future__ import annotations

from collections.abc import Callable


class MonotonicClock:
    """Wall-clock milliseconds, held still while the system's clock is stepped back.

    For one thread, but for `peek`.
    """

    __slots__ = ("_last_ms", "_now_ms")

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._last_ms = 0

    def __call__(self) -> int:
        """Milliseconds since the epoch, never less than the last answer."""
        self._last_ms = max(self._last_ms, self._now_ms())
        return self._last_ms

    def peek(self) -> int:
        """As a call, for any thread: what it answers holds nothing still."""
        return max(self._last_ms, self._now_ms())
