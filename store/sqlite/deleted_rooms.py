"""The deletion of rooms: the room and its memberships at once, all else that belonged to it in slices."""

from __future__ import annotations

import apsw

from store.models import Actor
from store.room_rules import require_owner
from store.sqlite.bots import revoke
from store.sqlite.database import Database
from store.sqlite.members import require_room, role_in
from store.sqlite.rows import fetch, fetch_one
from store.sqlite.search_index import reindex

SLICE_ROWS = 500

# A table belongs to rooms if it has this column. Its slices are deleted by its key, whichever migration made it.
_TABLES = """
SELECT t.name, group_concat(k.name, ', ') FROM sqlite_schema t JOIN pragma_table_info(t.name) c ON c.name = 'room_id'
JOIN pragma_table_info(t.name) k ON k.pk > 0
WHERE t.type = 'table' AND t.name NOT IN ('messages', 'deleted_rooms') GROUP BY t.name ORDER BY t.name"""
_MESSAGES = "SELECT row, content FROM messages WHERE room_id = ? LIMIT ?"
_NEXT = "SELECT room_id FROM deleted_rooms ORDER BY deleted_at LIMIT 1"


def delete_room(connection: apsw.Connection, room_id: str, actor: Actor, now_ms: int) -> None:
    """As store.contract.Rooms.delete says, in the caller's transaction."""
    require_owner(require_room(connection, room_id), actor, role_in(connection, room_id, actor.user_id))
    connection.execute("INSERT OR IGNORE INTO deleted_rooms (room_id, deleted_at) VALUES (?, ?)", (room_id, now_ms))
    for (session_id,) in fetch(connection, "SELECT session_id FROM bots WHERE room_id = ?", (room_id,)):
        revoke(connection, session_id, now_ms)
    # At once, for a membership refers to its room; 100,000 of them took 0.26 s of the writer's thread.
    connection.execute("DELETE FROM members WHERE room_id = ?", (room_id,))
    connection.execute("DELETE FROM rooms WHERE id = ?", (room_id,))


class DeletedRooms:
    """Removes what deleted rooms have left."""

    def __init__(self, *, database: Database, slice_rows: int = SLICE_ROWS) -> None:
        self._database = database
        self._slice_rows = slice_rows

    async def sweep(self, _: int) -> tuple[int, bool]:
        """Remove one slice. Returns the number of removed rows, and whether there may be more."""
        return await self._database.write("rooms.purge", self._slice)

    def _slice(self, connection: apsw.Connection) -> tuple[int, bool]:
        found = fetch_one(connection, _NEXT)
        if found is None:
            return 0, False
        (room_id,) = found
        removed = _remove_messages(connection, room_id, self._slice_rows)
        for table, key in fetch(connection, _TABLES):
            if removed >= self._slice_rows:
                break
            connection.execute(
                f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE room_id = ? LIMIT ?)",
                (room_id, self._slice_rows - removed),
            )
            removed += connection.changes()
        if removed < self._slice_rows:
            connection.execute("DELETE FROM deleted_rooms WHERE room_id = ?", (room_id,))
        return removed, True


def _remove_messages(connection: apsw.Connection, room_id: str, limit: int) -> int:
    rows = fetch(connection, _MESSAGES, (room_id, limit))
    for row, content in rows:
        if content is not None:
            reindex(connection, row, content, None)
    connection.executemany("DELETE FROM messages WHERE row = ?", [(row,) for row, _ in rows])
    return len(rows)
