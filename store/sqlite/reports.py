"""The reports table: messages that were reported to moderators."""

from __future__ import annotations

import apsw
import msgspec

from common.rfc3339 import rfc3339
from store import room_rules
from store.list_cursors import place_of_cursor
from store.models import Message, Report
from store.sqlite.database import Database
from store.sqlite.rows import KEPT_MESSAGE_COLUMNS, fetch, kept_message

_OWN = "SELECT 1 FROM reports WHERE room_id = ? AND by_id = ? AND seq = ?"
_COUNTS = "SELECT count(*), coalesce(sum(by_id = ?2), 0), coalesce(max(n), 0) FROM reports WHERE room_id = ?1"
_INSERT = """
INSERT INTO reports (room_id, n, seq, by_id, reason, message, reported_at) VALUES (?, ?, ?, ?, ?, ?, ?)"""
_PAGE = f"""
SELECT n, {KEPT_MESSAGE_COLUMNS}, by_id, reason, reported_at FROM reports
WHERE room_id = ? AND n < ? ORDER BY n DESC LIMIT ?"""


class SqliteReports:
    """store.contract.Reports on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, message: Message, by_id: str, reason: str) -> bool:
        text = msgspec.json.encode(message).decode()

        def operation(connection: apsw.Connection) -> bool:
            room_id = message.room_id
            if fetch(connection, _OWN, (room_id, by_id, message.seq)):
                return False
            count, of_one, newest = fetch(connection, _COUNTS, (room_id, by_id))[0]
            room_rules.require_place_for_report(count, of_one=of_one)
            now_ms = self._database.clock()
            connection.execute(_INSERT, (room_id, newest + 1, message.seq, by_id, reason, text, now_ms))
            return True

        return await self._database.write("reports.add", operation, size_bytes=len(text))

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Report], str | None]:
        below = place_of_cursor(after)

        def operation(connection: apsw.Connection) -> tuple[list[Report], str | None]:
            rows = fetch(connection, _PAGE, (room_id, below, limit + 1))
            following = str(rows[limit - 1][0]) if len(rows) > limit else None
            return [
                Report(kept_message(row[1], row[2]), row[3], row[4], rfc3339(row[5])) for row in rows[:limit]
            ], following

        return await self._database.read("reports.page", operation)
