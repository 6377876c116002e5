"""The files table: descriptions of uploads, their owners and messages. The bytes are on disk beside the database."""

from __future__ import annotations

import apsw

from store.blob_files import BlobFiles
from store.blobs import Blobs
from store.errors import Missing
from store.models import File, FileDraft
from store.sqlite.database import Database
from store.sqlite.rows import FILE_COLUMNS, fetch_one, file_from

_READABLE = """
SELECT EXISTS (SELECT 1 FROM files WHERE id = ?1 AND owner_id = ?2) OR EXISTS (
    SELECT 1 FROM file_posts p JOIN members m ON m.room_id = p.room_id AND m.user_id = ?2 WHERE p.file_id = ?1)"""


class SqliteFiles(BlobFiles):
    """store.contract.Files on SQLite and local disk."""

    def __init__(self, *, database: Database, blobs: Blobs) -> None:
        super().__init__(blobs=blobs)
        self._database = database

    async def create(self, draft: FileDraft) -> File:
        """Also raises Missing("user")."""
        await self._keep(draft)

        def operation(connection: apsw.Connection) -> File:
            if fetch_one(connection, "SELECT 1 FROM users WHERE id = ?", (draft.owner_id,)) is None:
                raise Missing("user")
            connection.execute(
                """INSERT INTO files (id, owner_id, name, size, mime_type, sha256, width, height, has_thumbnail,
                created_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (draft.id, draft.owner_id, draft.name, draft.size, draft.mime_type, draft.sha256, draft.width,
                 draft.height, int(draft.has_thumbnail), self._database.clock()),
            )  # fmt: skip
            return _require(connection, draft.id)

        return await self._database.write("files.create", operation)

    async def get(self, file_id: str) -> File | None:
        return await self._database.read("files.get", lambda connection: _get(connection, file_id))

    async def may_read(self, file_id: str, user_id: str) -> bool:
        def operation(connection: apsw.Connection) -> bool:
            row = fetch_one(connection, _READABLE, (file_id, user_id))
            return row is not None and bool(row[0])

        return await self._database.read("files.may_read", operation)


def _get(connection: apsw.Connection, file_id: str) -> File | None:
    row = fetch_one(connection, f"SELECT {FILE_COLUMNS} FROM files f WHERE f.id = ?", (file_id,))
    return None if row is None else file_from(row)


def _require(connection: apsw.Connection, file_id: str) -> File:
    file = _get(connection, file_id)
    if file is None:
        raise Missing("file")
    return file
