"""The embedded store's part of the pre-deployment check: the library, the folder, the file. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from common.startup_error import StartupError
from store.sqlite.connection import DATABASE_NAME, open_reading, require_sound_sqlite
from store.sqlite.rows import as_json, fetch
from store.sqlite.schema_version import require_compatible

BUSY_TIMEOUT_S = 5.0


def is_there(data_dir: Path) -> bool:
    """Whether a folder holds a database."""
    return (data_dir / DATABASE_NAME).exists()


def taken_usernames(data_dir: Path, names: Sequence[str]) -> set[str]:
    """Those of the case-folded usernames that are in use. Raises StartupError."""
    path = data_dir / DATABASE_NAME
    if not is_there(data_dir):
        return set()
    try:
        connection = open_reading(path, busy_timeout_s=BUSY_TIMEOUT_S)
        try:
            if not require_compatible(connection):
                return set()
            statement = "SELECT username_folded FROM users WHERE username_folded IN (SELECT value FROM json_each(?))"
            return {name for (name,) in fetch(connection, statement, (as_json(names),))}
        finally:
            connection.close()
    except apsw.Error as error:
        raise StartupError(f"{path}: {error}") from error


def probe(data_dir: Path) -> str:
    """Check the library, the folder and the file. Returns a summary in one line. Raises StartupError."""
    require_sound_sqlite()
    version = f"SQLite {apsw.sqlite_lib_version()}"
    existing = data_dir
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise StartupError(f"{existing} cannot be written")
    path = data_dir / DATABASE_NAME
    if not path.exists():
        return f"{version}, no database yet"
    try:
        connection = open_reading(path, busy_timeout_s=BUSY_TIMEOUT_S)
        try:
            answer = next(iter(connection.execute("PRAGMA quick_check(1)")))[0]
            schema = require_compatible(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        raise StartupError(f"{path}: {error}") from error
    if answer != "ok":
        raise StartupError(f"{path} is damaged: {answer}")
    return f"{version}, {path.stat().st_size // 1000} kB, schema {schema}, sound"
