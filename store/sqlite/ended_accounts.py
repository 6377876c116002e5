"""The ended_accounts table: accounts that their owners deleted."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store.errors import Missing, Outdated
from store.models import DELETED_DISPLAY_NAME, DELETED_USERNAME, Status
from store.sqlite.database import Database
from store.sqlite.files import abandon_files
from store.sqlite.rows import as_json, fetch, fetch_one
from store.sqlite.users import revoke_sessions

# The email is unique and not null: the id is no email, so it takes none from anybody. username_folded stays.
_END = """
UPDATE users SET username = ?2, display_name = ?3, display_folded = ?4, email = id, email_folded = id,
    password_hash = '', avatar_url = NULL, text_color = NULL, background_color = NULL, custom_status = NULL,
    status = ?5, status_rev = status_rev + 1, disabled_at = ?6
WHERE id = ?1"""
_LEFT = ("settings", "blocks", "known_addresses")


class SqliteEndedAccounts:
    """store.contract.EndedAccounts on SQLite. Messages get their author's name where they are read (rows.py)."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def end(self, user_id: str, *, before: str) -> list[str]:
        def operation(connection: apsw.Connection) -> list[str]:
            present = fetch_one(connection, "SELECT password_hash FROM users WHERE id = ?", (user_id,))
            if present is None or _has_ended(connection, user_id):
                raise Missing("user")
            if present[0] != before:
                raise Outdated
            now_ms = self._database.clock()
            connection.execute("INSERT INTO ended_accounts (account_id, ended_at) VALUES (?, ?)", (user_id, now_ms))
            shown = (DELETED_USERNAME, DELETED_DISPLAY_NAME, DELETED_DISPLAY_NAME.casefold(), Status.OFFLINE.value)
            connection.execute(_END, (user_id, *shown, now_ms))
            return revoke_sessions(connection, user_id, None, now_ms)

        return await self._database.write("ended_accounts.end", operation)

    async def erase(self, user_id: str, *, is_last: bool = False) -> None:
        """One short transaction, so that none is cut off half way."""

        def operation(connection: apsw.Connection) -> None:
            if not _has_ended(connection, user_id):
                raise Missing("user")
            revoke_sessions(connection, user_id, None, self._database.clock())
            for table in _LEFT:
                connection.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))
            abandon_files(connection, user_id)

        await self._database.write("ended_accounts.erase", operation)

    async def unfinished(self, *, ended_before_ms: int, limit: int, without: Sequence[str] = ()) -> list[str]:
        def operation(connection: apsw.Connection) -> list[str]:
            found = fetch(
                connection,
                """SELECT account_id FROM ended_accounts WHERE finished_at IS NULL AND ended_at < ?
                   AND account_id NOT IN (SELECT value FROM json_each(?))
                   ORDER BY ended_at LIMIT ?""",
                (ended_before_ms, as_json(without), limit),
            )
            return [user_id for (user_id,) in found]

        return await self._database.read("ended_accounts.unfinished", operation)

    async def finish(self, user_id: str) -> None:
        def operation(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE ended_accounts SET finished_at = ? WHERE account_id = ? AND finished_at IS NULL",
                (self._database.clock(), user_id),
            )

        await self._database.write("ended_accounts.finish", operation)


def _has_ended(connection: apsw.Connection, user_id: str) -> bool:
    return fetch_one(connection, "SELECT 1 FROM ended_accounts WHERE account_id = ?", (user_id,)) is not None
