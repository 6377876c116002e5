"""Looks into the index of words on a file, and writes to it as older programs do."""

from __future__ import annotations

from pathlib import Path

import apsw

OLDER_INSERT = """
INSERT INTO messages (room_id, seq, user_id, username, content, client_id, created_at)
VALUES (?, ?, 'u', 'u', ?, ?, 1)"""
OLDER_INDEX = "INSERT INTO messages_fts (rowid, content) SELECT row, content FROM messages WHERE row = ?"


def write_as_before(path: Path, room_id: str, first: int, *contents: str) -> None:
    """Store and index messages as a program of before messages_folded does."""
    connection = apsw.Connection(str(path))
    for seq, content in enumerate(contents, first):
        connection.execute(OLDER_INSERT, (room_id, seq, content, f"old-{seq}"))
        connection.execute(OLDER_INDEX, (connection.last_insert_rowid(),))
    connection.close()


def check_index(path: Path) -> list[tuple[int, ...]]:
    """Raises apsw.CorruptError if an index is damaged. Returns the rows of each table of the index for each term."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    for table in ("messages_fts", "messages_folded"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        connection.execute(f"CREATE VIRTUAL TABLE temp.{table}_terms USING fts5vocab (main, {table}, instance)")
    rows = [
        tuple(row for (row,) in connection.execute(f"SELECT DISTINCT doc FROM temp.{table}_terms ORDER BY doc"))
        for table in ("messages_fts", "messages_folded")
    ]
    connection.close()
    return rows
