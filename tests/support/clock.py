"""A clock that a test sets."""

from __future__ import annotations

START_MS = 1_800_000_000_000


class HandClock:
    """A clock in milliseconds since the epoch; a test sets `ms`."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms
