"""Reads all records of a database file in the order of their keys. The caller holds the lock of the directory, so
nobody writes.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
from msgspec import Struct

from common.startup_error import StartupError
from store.blobs import DiskBlobs
from store.export_records import (
    AuditRecord,
    BanRecord,
    BlockRecord,
    BotRecord,
    ChangeRecord,
    DeletedRoomRecord,
    FileRecord,
    InviteRecord,
    KeptMuteRecord,
    Key,
    MemberRecord,
    MessageEditsRecord,
    ReactionRecord,
    ReportRecord,
    RoomRecord,
    SettingsRecord,
    UserRecord,
    WebhookRecord,
)
from store.models import FileDraft, Session
from store.sqlite.connection import DATABASE_NAME, open_reading, require_sound_sqlite
from store.sqlite.data_directory import FILES_NAME
from store.sqlite.rows import (
    KEPT_MESSAGE_COLUMNS,
    MESSAGE_COLUMNS,
    Row,
    entry_message,
    fetch,
    is_reaction_entry,
    message_from,
)
from store.sqlite.schema_version import MIGRATIONS, require_compatible

SOURCE_ID_NAME = "migration"

T = TypeVar("T")


class _Table(Struct, frozen=True):
    """How a kind is read: its table, the columns of its key, all columns, and the record of a row without the key."""

    name: str
    key: tuple[str, ...]
    columns: str
    record: Callable[[Row], Any]


def _room(row: Row) -> RoomRecord:
    values = (*row[:4], bool(row[4]), *row[5:-1], row[-1] or 0)
    return RoomRecord(*values)


def _member(row: Row) -> MemberRecord:
    values = (*row[:-1], bool(row[-1]))
    return MemberRecord(*values)


def _change(row: Row) -> ChangeRecord:
    message, is_reaction = entry_message(row[5], row[6]), is_reaction_entry(row[5])
    return ChangeRecord(row[0], row[1], row[2], bool(row[3]), message, is_reaction, bool(row[4]))


def _file(row: Row) -> FileRecord:
    values = (*row[:8], bool(row[8]))
    draft = FileDraft(*values)
    return FileRecord(draft, row[9], tuple(tuple(post) for post in json.loads(row[10])), bool(row[11]))


def _edits(row: Row) -> MessageEditsRecord:
    return MessageEditsRecord(row[0], row[1], tuple((content, at_ms) for content, at_ms in json.loads(row[2])))


_TABLES = {
    "users": _Table(
        "users t",
        ("t.id",),
        """t.id, t.username, t.email, t.password_hash, t.display_name, t.avatar_url, t.text_color, t.background_color,
        t.status,
        t.custom_status, t.created_at, t.disabled_at, t.username_folded, t.bot_room_id,
        (SELECT ended_at FROM ended_accounts WHERE account_id = t.id),
        t.id IN (SELECT account_id FROM ended_accounts WHERE finished_at IS NULL)""",
        lambda row: UserRecord(*(*row[:-1], bool(row[-1]))),
    ),
    "sessions": _Table(
        "sessions t",
        ("t.id",),
        "t.id, t.user_id, t.generation, t.rotated_at, t.expires_at, t.revoked_at, t.began_at, t.user_agent",
        lambda row: Session(*row),
    ),
    "deleted_rooms": _Table(
        "deleted_rooms t", ("t.room_id",), "t.room_id, t.deleted_at", lambda row: DeletedRoomRecord(*row)
    ),
    "rooms": _Table(
        "rooms t",
        ("t.n",),
        """t.id, t.n, t.name, t.description, t.is_private, t.kind, t.direct_key, t.owner_id, t.max_users,
        t.member_count, t.slow_mode_s,
        t.archived_at, t.created_at, (SELECT max(rev) FROM changes WHERE room_id = t.id)""",
        _room,
    ),
    "invites": _Table(
        # Those that are used up are good for nothing, and nothing would remove them there.
        "invites t JOIN rooms r ON r.id = t.room_id AND (t.max_uses IS NULL OR t.uses < t.max_uses)",
        ("t.code",),
        "t.code, t.room_id, t.maker_id, t.max_uses, t.uses, t.expires_at, t.created_at",
        lambda row: InviteRecord(*row),
    ),
    "members": _Table(
        "members t JOIN users u ON u.id = t.user_id JOIN rooms r ON r.id = t.room_id",
        ("t.room_id", "t.user_id"),
        """t.room_id, t.user_id, u.username, t.username_folded, r.n, t.role, t.read_seq, t.muted_until, t.joined_at,
        t.joined_rev, t.sent_at, u.bot_room_id IS NOT NULL""",
        _member,
    ),
    "messages": _Table(
        "messages t", ("t.row",), f"t.room_id, {MESSAGE_COLUMNS}", lambda row: message_from(row[0], row[1:])
    ),
    "changes": _Table(
        "changes t",
        ("t.room_id", "t.rev"),
        f"""t.room_id, t.rev, t.created_at, t.rev = (SELECT max(rev) FROM changes WHERE room_id = t.room_id),
        t.is_settings, {KEPT_MESSAGE_COLUMNS}""",
        _change,
    ),
    "message_edits": _Table(
        "(SELECT DISTINCT room_id, seq FROM message_edits) t",
        ("t.room_id", "t.seq"),
        """t.room_id, t.seq,
        (SELECT json_group_array(json_array(e.content, e.edited_at) ORDER BY e.rev)
         FROM message_edits e WHERE e.room_id = t.room_id AND e.seq = t.seq)""",
        _edits,
    ),
    "reactions": _Table(
        "reactions t",
        ("t.room_id", "t.seq", "t.emoji", "t.user_id"),
        "t.room_id, t.seq, t.emoji, t.user_id, t.created_at",
        lambda row: ReactionRecord(*row),
    ),
    "files": _Table(
        "files t",
        ("t.id",),
        """t.id, t.owner_id, t.name, t.size, t.mime_type, t.sha256, t.width, t.height, t.has_thumbnail, t.created_at,
        (SELECT json_group_array(json_array(p.room_id, m.client_id) ORDER BY p.room_id, m.client_id)
         FROM file_posts p JOIN messages m ON m.room_id = p.room_id AND m.seq = p.seq WHERE p.file_id = t.id),
        t.is_avatar""",
        _file,
    ),
    "settings": _Table("settings t", ("t.user_id",), "t.user_id, t.document", lambda row: SettingsRecord(*row)),
    "blocks": _Table(
        "blocks t",
        ("t.user_id", "t.blocked_id"),
        "t.user_id, t.blocked_id, t.created_at",
        lambda row: BlockRecord(*row),
    ),
    "bots": _Table(
        "bots t",
        ("t.user_id",),
        "t.user_id, t.room_id, t.session_id, t.created_by, t.created_at",
        lambda row: BotRecord(*row),
    ),
    "webhooks": _Table(
        "webhooks t",
        ("t.id",),
        "t.id, t.room_id, t.user_id, t.name, t.token_hash, t.created_by, t.created_at",
        lambda row: WebhookRecord(*row),
    ),
    "bans": _Table(
        "bans t",
        ("t.room_id", "t.user_id"),
        "t.room_id, t.user_id, t.by_id, t.reason, t.banned_at, t.expires_at",
        lambda row: BanRecord(*row),
    ),
    "kept_mutes": _Table(
        # A membership has its own mute, and on MongoDB both are one document.
        """(SELECT * FROM kept_mutes k WHERE NOT EXISTS
            (SELECT 1 FROM members m WHERE m.room_id = k.room_id AND m.user_id = k.user_id)) t""",
        ("t.room_id", "t.user_id"),
        "t.room_id, t.user_id, t.muted_until",
        lambda row: KeptMuteRecord(*row),
    ),
    "reports": _Table(
        "reports t",
        ("t.room_id", "t.n"),
        "t.room_id, t.seq, t.by_id, t.reason, t.message, t.reported_at",
        lambda row: ReportRecord(*row),
    ),
    "audit": _Table(
        "audit t",
        ("t.room_id", "t.n"),
        "t.room_id, t.n, t.at, t.by_id, t.action, t.user_id, t.details",
        lambda row: AuditRecord(*row),
    ),
}


class SqliteExporter:
    """store.export_records.ExportSource on a DATA_DIR.

    Raises StartupError in one line where the database is missing, damaged, or of another schema version.
    """

    def __init__(self, data_dir: Path) -> None:
        require_sound_sqlite()
        path = data_dir / DATABASE_NAME
        if not path.is_file():
            raise StartupError(f"DATA_DIR {data_dir} holds no {DATABASE_NAME}")
        self._data_dir = data_dir
        self._blobs = DiskBlobs(data_dir / FILES_NAME)
        try:
            self._connection = open_reading(path, busy_timeout_s=5.0)
            version = require_compatible(self._connection)
        except apsw.Error as error:
            raise StartupError(f"{path}: {error}") from error
        if version < len(MIGRATIONS):
            raise StartupError(
                f"{path} has schema version {version}, {len(MIGRATIONS)} is wanted: start the server on it once"
            )
        self._thread = ThreadPoolExecutor(1, "export")

    def source_id(self) -> str:
        """An id of this directory's content, created at the first migration, so that a second one continues it."""
        path = self._data_dir / SOURCE_ID_NAME
        if not path.exists():
            path.write_text(secrets.token_hex(16))
        return path.read_text().strip()

    async def count(self, kind: str) -> int:
        def count() -> int:
            return int(fetch(self._connection, f"SELECT count(*) FROM {_TABLES[kind].name}")[0][0])

        return await self._on_thread(count)

    async def batch(self, kind: str, after: Key | None, limit: int) -> tuple[Sequence[Any], Key | None]:
        table = _TABLES[kind]
        key = ", ".join(table.key)
        places = ", ".join("?" * len(table.key))
        condition = f"WHERE ({key}) > ({places})" if after is not None else ""
        statement = f"SELECT {key}, {table.columns} FROM {table.name} {condition} ORDER BY {key} LIMIT ?"

        def read() -> tuple[Sequence[Any], Key | None]:
            rows = fetch(self._connection, statement, (*(after or ()), limit))
            size = len(table.key)
            following = tuple(rows[-1][:size]) if len(rows) == limit else None
            return [table.record(row[size:]) for row in rows], following

        return await self._on_thread(read)

    def blob(self, key: str) -> AsyncIterator[bytes]:
        return self._blobs.read(key)

    async def close(self) -> None:
        await self._on_thread(self._connection.close)  # after an abandoned read, which the thread finishes first
        self._thread.shutdown()
        await self._blobs.close()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
