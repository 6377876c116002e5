"""Removes in slices what has expired: the rows of a table by their time, and entries of the changes log that have a
successor.
"""

from __future__ import annotations

import apsw

from store.models import AUDIT_KEEP_MS, KNOWN_ADDRESS_KEEP_MS, REPORT_KEEP_MS
from store.sqlite.database import Database
from store.sqlite.rows import fetch

CHANGE_KEEP_MS = 7 * 24 * 3600 * 1000
# The last use of a link may be given back, by who took it and was refused then.
USED_UP_KEEP_MS = 24 * 3600 * 1000

_CANDIDATES = """
SELECT created_at, room_id, rev, rev < (SELECT max(rev) FROM changes WHERE room_id = c.room_id) FROM changes c
WHERE (created_at, room_id, rev) > (?1, ?2, ?3) AND created_at < ?4 ORDER BY created_at, room_id, rev LIMIT ?5"""
_DELETE = "DELETE FROM changes WHERE room_id = ? AND rev = ?"

# Each removes up to a number of the rows that were over before a time; with it how long they are kept after that.
_BY_TIME: tuple[tuple[str, int], ...] = (
    ("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ? LIMIT ?)", 0),
    (
        """DELETE FROM known_addresses WHERE (user_id, mark) IN
           (SELECT user_id, mark FROM known_addresses WHERE seen_at < ? LIMIT ?)""",
        KNOWN_ADDRESS_KEEP_MS,
    ),
    (
        """DELETE FROM bans WHERE (room_id, user_id) IN
           (SELECT room_id, user_id FROM bans WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ?)""",
        0,
    ),
    (
        """DELETE FROM kept_mutes WHERE (room_id, user_id) IN
           (SELECT room_id, user_id FROM kept_mutes WHERE muted_until <= ? LIMIT ?)""",
        0,
    ),
    (
        """DELETE FROM reports WHERE (room_id, n) IN
           (SELECT room_id, n FROM reports WHERE reported_at <= ? LIMIT ?)""",
        REPORT_KEEP_MS,
    ),
    (
        """DELETE FROM invites WHERE code IN
           (SELECT code FROM invites WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ?)""",
        0,
    ),
    (
        """DELETE FROM invites WHERE code IN
           (SELECT code FROM invites WHERE used_up_at IS NOT NULL AND used_up_at <= ? LIMIT ?)""",
        USED_UP_KEEP_MS,
    ),
    ("DELETE FROM audit WHERE (room_id, n) IN (SELECT room_id, n FROM audit WHERE at <= ? LIMIT ?)", AUDIT_KEEP_MS),
)

_START = (-1, "", 0)


class Sweeper:
    """Walks the changes log from old to new, from where the last call stopped: a walk reads each kept entry once."""

    def __init__(self, *, database: Database, slice_rows: int = 500) -> None:
        self._database = database
        self._slice_rows = slice_rows
        self._after: tuple[int, str, int] = _START

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Sweep one slice of each kind. Returns the number of removed rows, and whether a slice was full."""
        removed, is_full, self._after = await self._database.write(
            "store.sweep", lambda connection: self._slice(connection, now_ms)
        )
        return removed, is_full

    def _slice(self, connection: apsw.Connection, now_ms: int) -> tuple[int, bool, tuple[int, str, int]]:
        removed = []
        for statement, keep_ms in _BY_TIME:
            connection.execute(statement, (now_ms - keep_ms, self._slice_rows))
            removed.append(connection.changes())
        bindings = (*self._after, now_ms - CHANGE_KEEP_MS, self._slice_rows)
        candidates = fetch(connection, _CANDIDATES, bindings)
        old = [(room_id, rev) for _, room_id, rev, succeeded in candidates if succeeded]
        connection.executemany(_DELETE, old)
        is_full = len(candidates) == self._slice_rows
        after = candidates[-1][:3] if is_full else _START
        is_full = is_full or self._slice_rows in removed
        return sum(removed) + len(old), is_full, after
