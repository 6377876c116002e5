"""The one timeout of an exchange: of its head, its body or its reply. Knows no connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ExchangeTimer:
    """Calls a function once, unless the timer is set again or cleared before."""

    __slots__ = ("_handle",)

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds, in place of what was to be called."""
        self.clear()
        self._handle = asyncio.get_running_loop().call_later(seconds, then)

    def clear(self) -> None:
        """Call nothing. Idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

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
