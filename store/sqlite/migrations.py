"""Schema versions: which there are, and how a file gets the newest. Owns `user_version` and `application_id`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import apsw

from store.errors import StartRefused

# Bytes 68-71 of the file, "ChRm": tells our file from any other SQLite database.
APPLICATION_ID = 0x4368526D

# Script n brings a file from version n to n + 1. Only ever appended to: a script that was released is never edited.
MIGRATIONS: tuple[str, ...] = tuple(
    files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("schema.sql", "monitoring.sql", "status_rev.sql")
)


def version_of(connection: apsw.Connection) -> int:
    """The file's schema version, 0 for an empty one. Raises StartRefused for somebody else's database."""
    version = int(connection.pragma("user_version"))
    owner = int(connection.pragma("application_id"))
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if owner != APPLICATION_ID and (owner or tables):
        raise StartRefused("the database file is not one of this program")
    return version


def migrate(connection: apsw.Connection, migrations: Sequence[str] = MIGRATIONS) -> int:
    """Bring the file to the newest version in one transaction: all of it or nothing. Returns the version it had.

    Raises StartRefused when the file is newer than this program, apsw.Error when a script fails; it is unchanged then.
    """
    if version_of(connection) == len(migrations):
        return len(migrations)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)  # again: another process may have been first
        if version > len(migrations):
            raise StartRefused(
                f"the database has schema version {version}, this program knows {len(migrations)}: upgrade it"
            )
        for script in migrations[version:]:
            connection.execute(script)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", len(migrations))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version
