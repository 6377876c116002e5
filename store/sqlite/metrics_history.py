"""The monitoring table: the history of metrics by the minute."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from monitor.history_minute import MinutePoint
from store.sqlite.database import Database
from store.sqlite.rows import fetch

SLICE_ROWS = 1000

_APPEND = """
INSERT INTO monitoring (source, metric, minute, least, total, most, samples) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, metric, minute) DO UPDATE SET least = min(least, excluded.least), total = total + excluded.total,
    most = max(most, excluded.most), samples = samples + excluded.samples"""
_READ = """
SELECT minute - minute % ?5 AS step, min(least), sum(total), max(most), sum(samples) FROM monitoring
WHERE source = ?1 AND metric = ?2 AND minute >= ?3 AND minute < ?4 GROUP BY step ORDER BY step"""
_FORGET = """
DELETE FROM monitoring WHERE (source, metric, minute) IN
    (SELECT source, metric, minute FROM monitoring WHERE minute < ? ORDER BY minute LIMIT ?)"""


class SqliteMonitoring:
    """store.contract.Monitoring on SQLite."""

    def __init__(self, *, database: Database, slice_rows: int = SLICE_ROWS) -> None:
        self._database = database
        self._slice_rows = slice_rows

    async def append(self, source: str, points: Sequence[MinutePoint]) -> None:
        rows = [
            (source, point.metric, point.minute, point.least, point.total, point.most, point.samples)
            for point in points
        ]
        await self._database.write(
            "monitoring.append", lambda connection: connection.executemany(_APPEND, rows) and None
        )

    async def read(
        self, source: str, metric: str, *, since_minute: int, until_minute: int, step_minutes: int
    ) -> list[MinutePoint]:
        bindings = (source, metric, since_minute, until_minute, step_minutes)
        rows = await self._database.read("monitoring.read", lambda connection: fetch(connection, _READ, bindings))
        return [MinutePoint(metric, *row) for row in rows]

    async def forget(self, before_minute: int) -> int:
        def operation(connection: apsw.Connection) -> int:
            connection.execute(_FORGET, (before_minute, self._slice_rows))
            return connection.changes()

        return await self._database.write("monitoring.forget", operation)
