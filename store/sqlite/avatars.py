"""The file that is a user's picture: `is_avatar` in the files table, `avatar_url` in the users table."""

from __future__ import annotations

import apsw

from store.errors import Missing
from store.ids import file_id_of, file_url
from store.models import User
from store.sqlite.database import Database
from store.sqlite.files import note_undescribed
from store.sqlite.rows import USER_COLUMNS, fetch_one, user_from

_USER = f"SELECT {USER_COLUMNS} FROM users u WHERE u.id = ? AND u.id NOT IN (SELECT account_id FROM ended_accounts)"


class SqliteAvatars:
    """store.contract.Avatars on SQLite: one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def set(self, user_id: str, file_id: str | None) -> User:
        now_ms = self._database.clock()
        return await self._database.write("avatars.set", lambda connection: _set(connection, user_id, file_id, now_ms))


def _set(connection: apsw.Connection, user_id: str, file_id: str | None, now_ms: int) -> User:
    before = _require(connection, user_id)
    if file_id is not None:
        connection.execute("UPDATE files SET is_avatar = 1 WHERE id = ? AND owner_id = ?", (file_id, user_id))
        if not connection.changes():
            raise Missing("file")
    url = None if file_id is None else file_url(file_id)
    connection.execute("UPDATE users SET avatar_url = ? WHERE id = ?", (url, user_id))
    former = file_id_of(before.avatar_url)
    if former is not None and former != file_id:
        _remove(connection, former, user_id, now_ms)
    return _require(connection, user_id)


def _remove(connection: apsw.Connection, file_id: str, owner_id: str, now_ms: int) -> None:
    """Remove the description of what is no picture any more, unless a message shows it."""
    connection.execute("UPDATE files SET is_avatar = 0 WHERE id = ? AND owner_id = ?", (file_id, owner_id))
    if fetch_one(connection, "SELECT 1 FROM files WHERE id = ? AND owner_id = ? AND posts = 0", (file_id, owner_id)):
        note_undescribed(connection, file_id, now_ms)
        connection.execute("DELETE FROM files WHERE id = ?", (file_id,))


def _require(connection: apsw.Connection, user_id: str) -> User:
    row = fetch_one(connection, _USER, (user_id,))
    if row is None:
        raise Missing("user")
    return user_from(row)
