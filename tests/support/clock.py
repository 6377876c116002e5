"""Time that moves when a test moves it."""

from __future__ import annotations

START_MS = 1_800_000_000_000


class HandClock:
    """Milliseconds since the epoch."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms
