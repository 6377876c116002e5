"""The audit table: what moderators did. A write that does such a thing calls `record_audit` in its transaction."""

from __future__ import annotations

import apsw
import msgspec

from common.rfc3339 import rfc3339
from store import models
from store.list_cursors import place_of_cursor
from store.models import AuditEntry, AuditNote
from store.sqlite.database import Database
from store.sqlite.rows import fetch, fetch_one

_PAGE = """
SELECT n, at, by_id, action, user_id, details FROM audit WHERE room_id = ? AND n < ? ORDER BY n DESC LIMIT ?"""


def record_audit(connection: apsw.Connection, room_id: str, note: AuditNote, *, now_ms: int) -> None:
    """Add an entry in the caller's transaction, and remove the room's oldest past AUDIT_MAX."""
    newest = fetch_one(connection, "SELECT max(n) FROM audit WHERE room_id = ?", (room_id,))
    n = 1 + ((newest and newest[0]) or 0)
    details = msgspec.json.encode(note.details).decode()
    connection.execute(
        "INSERT INTO audit (room_id, n, at, by_id, action, user_id, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (room_id, n, now_ms, note.by_id, note.action.value, note.user_id, details),
    )
    connection.execute("DELETE FROM audit WHERE room_id = ? AND n <= ?", (room_id, n - models.AUDIT_MAX))


class SqliteAuditTrail:
    """store.contract.AuditTrail on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[AuditEntry], str | None]:
        below = place_of_cursor(after)

        def operation(connection: apsw.Connection) -> tuple[list[AuditEntry], str | None]:
            rows = fetch(connection, _PAGE, (room_id, below, limit + 1))
            following = str(rows[limit - 1][0]) if len(rows) > limit else None
            return [
                AuditEntry(rfc3339(row[1]), row[2], row[3], row[4], msgspec.json.decode(row[5])) for row in rows[:limit]
            ], following

        return await self._database.read("audit.page", operation)
