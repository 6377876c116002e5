"""The changes table: each room's changes log. Entries are inserted, never updated, and expire."""

from __future__ import annotations

import apsw

from store.models import Change, ChangePage, Message
from store.sqlite.database import Database
from store.sqlite.rows import (
    KEPT_MESSAGE_COLUMNS,
    MESSAGE_COLUMNS,
    MESSAGE_COLUMNS_OF_M,
    Row,
    entry_message,
    entry_text,
    fetch,
    fetch_one,
    is_reaction_entry,
    message_from,
)

# The message's present row only where it is deleted: its texts in older entries are not given out any more.
_PAGE = f"""
SELECT c.rev, c.is_settings, {KEPT_MESSAGE_COLUMNS}, {MESSAGE_COLUMNS_OF_M}
FROM changes c LEFT JOIN messages m ON m.room_id = c.room_id AND m.seq = c.message_seq AND m.deleted_at IS NOT NULL
WHERE c.room_id = ?1 AND c.rev > ?2 ORDER BY c.rev LIMIT ?3"""

_LATEST = f"""
SELECT {MESSAGE_COLUMNS}, newest.last_rev
FROM (SELECT message_seq, max(rev) AS last_rev FROM changes
      WHERE room_id = ?1 AND rev > ?2 AND rev <= ?3 AND message_seq IS NOT NULL
      GROUP BY message_seq ORDER BY last_rev LIMIT ?4) newest
JOIN messages ON room_id = ?1 AND seq = newest.message_seq ORDER BY newest.last_rev"""


class SqliteChanges:
    """store.contract.Changes on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def page(self, room_id: str, *, since: int, limit: int) -> ChangePage:
        def operation(connection: apsw.Connection) -> ChangePage:
            rev = head_rev(connection, room_id)
            rows = fetch(connection, _PAGE, (room_id, since, limit + 1))
            # If the clock was stepped while entries were written, they may have expired anywhere below the head.
            expired = since < rev and [row[0] for row in rows] != list(range(since + 1, since + 1 + len(rows)))
            return ChangePage(
                changes=tuple(_change(room_id, row) for row in rows[:limit]),
                rev=rev,
                has_more=len(rows) > limit,
                expired=expired,
            )

        return await self._database.read("changes.page", operation)

    async def latest_between(self, room_id: str, *, since: int, upto: int, limit: int) -> ChangePage:
        def operation(connection: apsw.Connection) -> ChangePage:
            rev = head_rev(connection, room_id)
            last = min(upto, rev)
            (kept,) = fetch(
                connection,
                "SELECT count(*) FROM changes WHERE room_id = ? AND rev > ? AND rev <= ?",
                (room_id, since, last),
            )[0]
            rows = fetch(connection, _LATEST, (room_id, since, last, limit + 1))
            return ChangePage(
                changes=tuple(Change(rev=row[-1], message=message_from(room_id, row)) for row in rows[:limit]),
                rev=rev,
                has_more=len(rows) > limit,
                expired=kept < last - since,
            )

        return await self._database.read("changes.latest_between", operation)


def _change(room_id: str, row: Row) -> Change:
    rev, is_settings, text, has_author_ended = row[:4]
    if row[4] is not None:
        return Change(rev, message_from(room_id, row[4:]))
    return Change(rev, entry_message(text, has_author_ended), is_reaction_entry(text), bool(is_settings))


def head_rev(connection: apsw.Connection, room_id: str) -> int:
    """The room's newest rev, 0 where there is none."""
    row = fetch_one(connection, "SELECT max(rev) FROM changes WHERE room_id = ?", (room_id,))
    return 0 if row is None or row[0] is None else int(row[0])


def record(
    connection: apsw.Connection,
    room_id: str,
    *,
    rev: int,
    now_ms: int,
    message: Message | None = None,
    is_reaction: bool = False,
    is_settings: bool = False,
) -> None:
    """Insert the entry `rev`, which is head_rev + 1 in the caller's transaction. `message` has the same rev.

    Without a message the entry is of the room's settings (`is_settings`), or of a membership.
    """
    seq, text = (None, None) if message is None else (message.seq, entry_text(message, is_reaction=is_reaction))
    connection.execute(
        "INSERT INTO changes (room_id, rev, message_seq, message, created_at, is_settings) VALUES (?, ?, ?, ?, ?, ?)",
        (room_id, rev, seq, text, now_ms, int(is_settings)),
    )
