"""Opening the file, and translating SQLite's errors. Owns the pragmas and the table of errors; knows no tables."""

from __future__ import annotations

from pathlib import Path

import apsw

from common.startup_error import StartupError

DATABASE_NAME = "chat.db"

# 3.7.0 to 3.51.2 can lose committed transactions when a commit and a checkpoint meet
# (sqlite.org/wal.html, the WAL-reset bug).
SQLITE_MINIMUM = (3, 51, 3)

# The WAL file is truncated to this size after a checkpoint, so that one burst does not occupy the disk for ever.
WAL_KEEP_BYTES = 64 * 1024 * 1024

_REASONS: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.FullError, "full"),
    (apsw.BusyError, "busy"),
    (apsw.LockedError, "busy"),
    (apsw.ProtocolError, "busy"),
    (apsw.CorruptError, "corrupt"),
    (apsw.NotADBError, "corrupt"),
    (apsw.IOError, "io"),
    (apsw.ReadOnlyError, "io"),
    (apsw.PermissionsError, "io"),
    (apsw.NoMemError, "io"),
    (apsw.CantOpenError, "gone"),
)


def reason_of(error: Exception) -> str | None:
    """The reason of StoreUnavailable for an error of the file or the disk; None for an error of the statement."""
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_DBMOVED:
        return "gone"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), None)


def require_sound_sqlite() -> None:
    """Raises StartupError if the SQLite library is older than the fix of the WAL-reset bug."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_MINIMUM:
        least = ".".join(map(str, SQLITE_MINIMUM))
        raise StartupError(f"SQLite {apsw.sqlite_lib_version()} can lose committed data; at least {least} is needed")


def open_writing(path: Path, *, busy_timeout_s: float) -> apsw.Connection:
    """Open the file for writing, in WAL mode, every commit synced. Raises apsw.Error."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=256)
    try:
        _keep_plans(connection)
        connection.set_busy_timeout(int(busy_timeout_s * 1000))
        if connection.pragma("journal_mode", "wal") != "wal":
            raise apsw.CantOpenError("the file system does not support SQLite's write-ahead log")
        connection.execute(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY"
        )
        connection.pragma("journal_size_limit", WAL_KEEP_BYTES)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reading(path: Path, *, busy_timeout_s: float) -> apsw.Connection:
    """Open the file for reading only. Raises apsw.Error."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=256)
    try:
        _keep_plans(connection)
        connection.set_busy_timeout(int(busy_timeout_s * 1000))
        connection.execute("PRAGMA query_only = ON; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_plans(connection: apsw.Connection) -> None:
    """Let a cached statement keep its plan whatever values are bound to it (the query planner stability guarantee).

    Without it SQLite notes of which parameters other values might make for a better plan, of a join's for one, and
    parses the statement anew after each change of these: in a read of a room, 30 of 35 µs. A statement that is to use
    a partial index names the index's condition itself, and not by a parameter.
    """
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
