"""What the writer's thread knows of rooms and members, so that an append of people who wrote before reads neither.

Believed only while nothing but appends through it has written to the file: any other write, of this process or another,
makes it empty. So it needs no invalidation by those who write. Knows no statements.
"""

from __future__ import annotations

import apsw

from store.sqlite.rows import Row


class AppendCache:
    """The heads of rooms, their restrictions, the members, and what is pending, for one thread and one connection.

    `begin` and `keep` are called at the begin and at the end of each append's work, inside its transaction; all that
    was written between them is in the cache by then. `entries_max` bounds the rooms and members.
    """

    __slots__ = ("_connection", "_entries_max", "_known_at", "heads", "muted_until", "pending_from", "restricted")

    def __init__(self, *, entries_max: int = 20_000) -> None:
        self.heads: dict[str, int] = {}
        self.restricted: dict[str, Row] = {}  # archived_at and slow_mode_s of the rooms that have any
        self.muted_until: dict[tuple[str, str], int] = {}  # by room and user; 0: not muted
        self.pending_from: int | None = None  # a row from which on all are marked as pending; None: unknown
        self._entries_max = entries_max
        self._connection: apsw.Connection | None = None
        self._known_at: tuple[int, int] | None = None

    def begin(self, connection: apsw.Connection) -> None:
        """Forget everything unless the file is as it was when the transaction of the last `keep` was committed."""
        if connection is not self._connection:
            # Rolled back, that transaction changed nothing; SQLite's counters alone would not tell.
            connection.set_rollback_hook(self._forget)
            self._connection = connection
            self._known_at = None
        if self._known_at != _state(connection) or len(self.heads) + len(self.muted_until) > self._entries_max:
            self.heads.clear()
            self.restricted.clear()
            self.muted_until.clear()
            self.pending_from = None
        self._known_at = None

    def keep(self, connection: apsw.Connection) -> None:
        """Believe what is here now, if the transaction is committed and nothing else is written."""
        version, changed_rows = _state(connection)
        self._known_at = (version + 1, changed_rows)

    def _forget(self) -> None:
        self._known_at = None


def _state(connection: apsw.Connection) -> tuple[int, int]:
    """SQLite's number of the file's version, which each commit of anybody raises (SQLITE_FCNTL_DATA_VERSION), and the
    number of rows that this connection has changed, also in this transaction.
    """
    return connection.data_version(), connection.total_changes()
