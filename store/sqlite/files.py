"""The files table: descriptions of uploads, their owners and messages. The bytes are on disk beside the database.

`undescribed_files` names a file before its bytes are kept until its description is stored, and again once that is
removed: so the bytes are found whenever the process ends in between.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import apsw

from store.blob_files import BlobFiles
from store.blobs import Blobs
from store.errors import Missing, OverQuota, StoreUnavailable
from store.models import FILES_MAX, UNDESCRIBED_KEEP_MS, UNPOSTED_KEEP_MS, File, FileDraft
from store.sqlite.database import Database
from store.sqlite.rows import FILE_COLUMNS, fetch, fetch_one, file_from

log = logging.getLogger(__name__)

SLICE_FILES = 100

_READABLE = """
SELECT EXISTS (SELECT 1 FROM files WHERE id = ?1 AND (owner_id = ?2 OR is_avatar)) OR EXISTS (
    SELECT 1 FROM file_posts p JOIN members m ON m.room_id = p.room_id AND m.user_id = ?2 WHERE p.file_id = ?1)"""
_NOTE_UNDESCRIBED = "INSERT OR REPLACE INTO undescribed_files (file_id, since) VALUES (?, ?)"
_NOT_SHOWN = "SELECT id FROM files WHERE posts = 0 AND is_avatar = 0 AND created_at <= ? LIMIT ?"
# What nothing shows any more is removed by the next sweep.
_ABANDON = """
UPDATE files SET is_avatar = 0, created_at = CASE WHEN posts = 0 THEN 0 ELSE created_at END WHERE owner_id = ?"""


class SqliteFiles(BlobFiles):
    """store.contract.Files on SQLite and local disk."""

    def __init__(self, *, database: Database, blobs: Blobs) -> None:
        super().__init__(blobs=blobs)
        self._database = database

    async def create(self, draft: FileDraft, *, quota_bytes: int | None = None) -> File:
        """Also raises Missing("user")."""
        note = (draft.id, self._database.clock())
        await self._database.write("files.note", lambda connection: fetch(connection, _NOTE_UNDESCRIBED, note))
        await self._keep(draft)
        try:
            return await self._database.write(
                "files.create", lambda connection: self._create(connection, draft, quota_bytes)
            )
        except (Missing, OverQuota):
            await self.discard(draft.id)
            raise

    def _create(self, connection: apsw.Connection, draft: FileDraft, quota_bytes: int | None) -> File:
        if fetch_one(connection, "SELECT 1 FROM users WHERE id = ?", (draft.owner_id,)) is None:
            raise Missing("user")
        owned = "SELECT count(*), coalesce(sum(size), 0) FROM files WHERE owner_id = ?"
        ((count, size),) = fetch(connection, owned, (draft.owner_id,))
        if count >= FILES_MAX or (quota_bytes is not None and size + draft.size > quota_bytes):
            raise OverQuota
        connection.execute(
            """INSERT INTO files (id, owner_id, name, size, mime_type, sha256, width, height, has_thumbnail,
            created_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (draft.id, draft.owner_id, draft.name, draft.size, draft.mime_type, draft.sha256, draft.width,
             draft.height, int(draft.has_thumbnail), self._database.clock()),
        )  # fmt: skip
        connection.execute("DELETE FROM undescribed_files WHERE file_id = ?", (draft.id,))
        return _require(connection, draft.id)

    async def get(self, file_id: str) -> File | None:
        return await self._database.read("files.get", lambda connection: _get(connection, file_id))

    async def may_read(self, file_id: str, user_id: str) -> bool:
        def operation(connection: apsw.Connection) -> bool:
            row = fetch_one(connection, _READABLE, (file_id, user_id))
            return row is not None and bool(row[0])

        return await self._database.read("files.may_read", operation)

    async def owned_by(self, user_id: str, *, limit: int, after: str = "") -> list[File]:
        query = f"SELECT {FILE_COLUMNS} FROM files f WHERE f.owner_id = ? AND f.id > ? ORDER BY f.id LIMIT ?"

        def operation(connection: apsw.Connection) -> list[File]:
            return [file_from(row) for row in fetch(connection, query, (user_id, after, limit))]

        return await self._database.read("files.owned_by", operation)

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Remove one slice of the files that nothing shows. Returns their number, and whether there may be more.

        Bytes that cannot be removed are tried again UNDESCRIBED_KEEP_MS later, so that they keep no others waiting.
        """
        undescribed, is_full = await self._database.write(
            "files.sweep", lambda connection: _take_slice(connection, now_ms)
        )
        gone, stuck = await self._discarded(undescribed)
        if undescribed:
            await self._database.write("files.swept", lambda connection: _settle(connection, gone, stuck, now_ms))
        return len(gone), is_full and not (stuck and not gone)

    async def _discarded(self, file_ids: Sequence[str]) -> tuple[list[str], list[str]]:
        """Remove the bytes of files. Returns those of which they are gone, and those of which they cannot be removed.

        Raises StoreUnavailable where the store is closed.
        """
        failures: dict[str, StoreUnavailable] = {}
        for file_id in file_ids:
            try:
                await self.discard(file_id)
            except StoreUnavailable as error:
                if error.reason == "closed":
                    raise
                failures[file_id] = error
        if failures:
            first = next(iter(failures))
            about = "store: the bytes of %d files cannot be removed now, the first: %s (%s)"
            log.warning(about, len(failures), first, failures[first])
        return [file_id for file_id in file_ids if file_id not in failures], list(failures)


def note_undescribed(connection: apsw.Connection, file_id: str, now_ms: int) -> None:
    """Have a later sweep remove the bytes of a file whose description the caller's transaction removes.

    They stay for UNDESCRIBED_KEEP_MS: a backup that is under way copies them after the descriptions.
    """
    connection.execute(_NOTE_UNDESCRIBED, (file_id, now_ms))


def abandon_files(connection: apsw.Connection, user_id: str) -> None:
    """Leave the files of a deleted account to the next sweep, but those that messages show. In the caller's
    transaction.
    """
    connection.execute(_ABANDON, (user_id,))


def _take_slice(connection: apsw.Connection, now_ms: int) -> tuple[list[str], bool]:
    """Remove the descriptions of a slice. Returns the ids of files whose bytes are to be removed, and whether there may
    be more.
    """
    old = [file_id for (file_id,) in fetch(connection, _NOT_SHOWN, (now_ms - UNPOSTED_KEEP_MS, SLICE_FILES))]
    for file_id in old:
        note_undescribed(connection, file_id, now_ms)
    connection.executemany("DELETE FROM files WHERE id = ?", [(file_id,) for file_id in old])
    found = fetch(
        connection,
        "SELECT file_id FROM undescribed_files WHERE since <= ? ORDER BY since LIMIT ?",
        (now_ms - UNDESCRIBED_KEEP_MS, 2 * SLICE_FILES),
    )
    return [file_id for (file_id,) in found], len(old) == SLICE_FILES or len(found) == 2 * SLICE_FILES


def _settle(connection: apsw.Connection, gone: Iterable[str], stuck: Iterable[str], now_ms: int) -> None:
    """Forget the files whose bytes are gone, and put off those whose bytes are not."""
    connection.executemany("DELETE FROM undescribed_files WHERE file_id = ?", [(file_id,) for file_id in gone])
    for file_id in stuck:
        note_undescribed(connection, file_id, now_ms)


def _get(connection: apsw.Connection, file_id: str) -> File | None:
    row = fetch_one(connection, f"SELECT {FILE_COLUMNS} FROM files f WHERE f.id = ?", (file_id,))
    return None if row is None else file_from(row)


def _require(connection: apsw.Connection, file_id: str) -> File:
    file = _get(connection, file_id)
    if file is None:
        raise Missing("file")
    return file
