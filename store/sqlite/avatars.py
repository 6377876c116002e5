"""The file that is a user's picture: `is_avatar` in the files table, `avatar_url` in the users table."""

from __future__ import annotations

import apsw

from store.errors import Missing
from store.ids import file_id_of, file_url
from store.models import User
from store.sqlite.database import Database
from store.sqlite.files import SqliteFiles, note_undescribed
from store.sqlite.rows import USER_COLUMNS, fetch_one, user_from

_USER = f"SELECT {USER_COLUMNS} FROM users u WHERE u.id = ? AND u.id NOT IN (SELECT account_id FROM ended_accounts)"


class SqliteAvatars:
    """store.contract.Avatars on SQLite: one transaction."""

    def __init__(self, *, database: Database, files: SqliteFiles) -> None:
        self._database = database
        self._files = files

    async def set(self, user_id: str, file_id: str | None) -> User:
        user, removed = await self._database.write("avatars.set", lambda connection: _set(connection, user_id, file_id))
        if removed is not None:
            await self._files.discard(removed)
        return user


def _set(connection: apsw.Connection, user_id: str, file_id: str | None) -> tuple[User, str | None]:
    """Returns the user, and the id of a file whose bytes are to be removed."""
    before = _require(connection, user_id)
    if file_id is not None:
        connection.execute("UPDATE files SET is_avatar = 1 WHERE id = ? AND owner_id = ?", (file_id, user_id))
        if not connection.changes():
            raise Missing("file")
    url = None if file_id is None else file_url(file_id)
    connection.execute("UPDATE users SET avatar_url = ? WHERE id = ?", (url, user_id))
    former = file_id_of(before.avatar_url)
    is_removed = former is not None and former != file_id and _remove(connection, former, user_id)
    return _require(connection, user_id), former if is_removed else None


def _remove(connection: apsw.Connection, file_id: str, owner_id: str) -> bool:
    """Remove the description of what is no picture any more. Returns False where a message shows it."""
    connection.execute("UPDATE files SET is_avatar = 0 WHERE id = ? AND owner_id = ?", (file_id, owner_id))
    if fetch_one(connection, "SELECT 1 FROM files WHERE id = ? AND owner_id = ? AND posts = 0", (file_id, owner_id)):
        note_undescribed(connection, file_id)
        connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
        return True
    return False


def _require(connection: apsw.Connection, user_id: str) -> User:
    row = fetch_one(connection, _USER, (user_id,))
    if row is None:
        raise Missing("user")
    return user_from(row)
