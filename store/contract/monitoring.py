"""The history of metrics: what every store backend guarantees for it.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.history_minute import MinutePoint


class Monitoring(Protocol):
    """The history of each process's metrics, by the minute. A migration to another backend does not copy it.

    `source` is the name of a process, the same after a restart. Minutes are counted from the epoch.
    """

    async def append(self, source: str, points: Sequence[MinutePoint]) -> None:
        """Add points, merging each with the stored point of the same metric and minute.

        After an error some of the points may have been added.
        """

    async def read(
        self, source: str, metric: str, *, since_minute: int, until_minute: int, step_minutes: int
    ) -> list[MinutePoint]:
        """Points with since <= minute < until, ascending.

        The points of one step of `step_minutes`, counted from the epoch, are merged into one at its first minute.
        """

    async def forget(self, before_minute: int) -> int:
        """Remove one slice of the points before that minute, of all sources.

        Returns the number removed, 0 at the end.
        """
