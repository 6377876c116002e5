"""Schema versions: their scripts, the migration of a file to the newest, and which programs may run on a file.

Owns `user_version`, `application_id` and the table `schema_version`. Migrations only add, so an older program usually
runs on a newer file, and a rollback needs no restore. `user_version` is the oldest version whose program may run on the
file; the table has the file's own version. (Older programs do not know the table and use `user_version` for both, so a
rollback to them works too.)
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import apsw

from common.startup_error import StartupError

# Bytes 68-71 of the file, "ChRm": they mark it as a database of this program.
APPLICATION_ID = 0x4368526D

# Script number n migrates a file from version n - 1 to n. Scripts are only added: a released one is never edited.
MIGRATIONS: tuple[str, ...] = tuple(
    files(__package__).joinpath("migrations", name).read_text(encoding="utf-8")
    for name in (
        "0001_schema.sql",
        "0002_monitoring.sql",
        "0003_status_rev.sql",
        "0004_accounts.sql",
        "0005_message_history.sql",
        "0006_mentions.sql",
        "0007_search.sql",
        "0008_rooms.sql",
        "0009_moderation.sql",
        "0010_people.sql",
        "0011_webhooks_and_bots.sql",
        "0012_files.sql",
        "0013_search_pending.sql",
    )
)

# The oldest version whose program can run on a file with all of MIGRATIONS. Raise it only with a script that does more
# than add.
COMPATIBLE_FROM = 2


def version_of(connection: apsw.Connection) -> int:
    """The file's schema version, 0 for an empty one. Raises StartupError for another program's database."""
    oldest = _compatible_from(connection)
    owner = int(connection.pragma("application_id"))
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if owner != APPLICATION_ID and (owner or tables):
        raise StartupError("the database file is not one of this program: name another --data-dir")
    if "schema_version" not in tables:
        return oldest
    return max(oldest, int(connection.execute("SELECT version FROM schema_version").get))


def require_compatible(connection: apsw.Connection, known: int = len(MIGRATIONS), *, what: str = "database") -> int:
    """The file's version. Raises StartupError if it is too new for this program."""
    version = version_of(connection)
    if version > known and _compatible_from(connection) > known:
        raise StartupError(
            f"the {what} has schema version {version}, this program knows {known}: upgrade it, "
            "or restore a backup that this one made"
        )
    return version


def migrate(
    connection: apsw.Connection, migrations: Sequence[str] = MIGRATIONS, *, compatible_from: int | None = None
) -> int:
    """Migrate the file to the newest version in one transaction. Returns the version that it had.

    `compatible_from`: the oldest version whose program can run on the result; None: nothing older. A newer compatible
    file is left unchanged. Raises StartupError for a newer incompatible one, apsw.Error if a script fails; the file is
    then unchanged.
    """
    newest = len(migrations)
    if require_compatible(connection, newest) >= newest:
        return version_of(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = require_compatible(connection, newest)  # again: another process may have been first
        if version < newest:
            for script in migrations[version:]:
                connection.execute(script)
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")
            connection.execute("DELETE FROM schema_version")
            connection.execute("INSERT INTO schema_version VALUES (?)", (newest,))
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", newest if compatible_from is None else compatible_from)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version


def _compatible_from(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))
