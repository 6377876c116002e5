"""The content of a store as records that every backend can export and import. Times in milliseconds.

Ids, seqs, revs and the bytes of files stay the same. Values that a backend derives (folded names, indexes) are left
out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from store.models import AUDIT_KEEP_MS, REPORT_KEEP_MS, FileDraft, Message, Session

Key = tuple[Any, ...]


class UserRecord(Struct, frozen=True):
    """A user. `username_folded`: the name as it is taken, also after the account was deleted.

    `is_ending`: what follows from the deletion is not done yet.
    """

    id: str
    username: str
    email: str
    password_hash: str
    display_name: str
    avatar_url: str | None
    text_color: str | None
    background_color: str | None
    status: str
    custom_status: str | None
    created_at: int
    disabled_at: int | None
    username_folded: str
    bot_room_id: str | None = None
    ended_at: int | None = None
    is_ending: bool = False


class RoomRecord(Struct, frozen=True):
    """A room. `order`: lists of rooms are sorted by it, the greatest first."""

    id: str
    order: int
    name: str
    description: str | None
    is_private: bool
    kind: str
    direct_key: str | None
    owner_id: str | None
    max_users: int
    member_count: int
    slow_mode_s: int
    archived_at: int | None
    created_at: int
    rev: int


class MemberRecord(Struct, frozen=True):
    """A membership. `username_folded`: the name by which members are listed, also after the account was deleted."""

    room_id: str
    user_id: str
    username: str
    username_folded: str
    room_order: int
    role: str
    read_seq: int
    muted_until: int | None
    joined_at: int
    joined_rev: int
    sent_at: int | None = None
    is_bot: bool = False


class ChangeRecord(Struct, frozen=True):
    """An entry of a changes log; `is_newest` of its room."""

    room_id: str
    rev: int
    created_at: int
    is_newest: bool
    message: Message | None
    is_reaction: bool = False
    is_settings: bool = False


class ReactionRecord(Struct, frozen=True):
    room_id: str
    seq: int
    emoji: str
    user_id: str
    created_at: int


class MessageEditsRecord(Struct, frozen=True):
    """What edits of a message replaced: each text with the time of the edit, the oldest first."""

    room_id: str
    seq: int
    texts: tuple[tuple[str, int], ...]


class BotRecord(Struct, frozen=True):
    user_id: str
    room_id: str
    session_id: str
    created_by: str
    created_at: int


class WebhookRecord(Struct, frozen=True):
    id: str
    room_id: str
    user_id: str
    name: str
    token_hash: str
    created_by: str
    created_at: int


class FileRecord(Struct, frozen=True):
    """A described file. `posts`: room and clientId of each message of its owner that shows it, in order."""

    draft: FileDraft
    created_at: int
    posts: tuple[tuple[str, str], ...]
    is_avatar: bool = False


class SettingsRecord(Struct, frozen=True):
    """A user's settings, as the JSON text that a backend keeps."""

    user_id: str
    document: str


class BlockRecord(Struct, frozen=True):
    user_id: str
    blocked_id: str
    created_at: int


class DeletedRoomRecord(Struct, frozen=True):
    """A deleted room of which something is left."""

    room_id: str
    deleted_at: int


class InviteRecord(Struct, frozen=True):
    code: str
    room_id: str
    maker_id: str
    max_uses: int | None
    uses: int
    expires_at: int | None
    created_at: int


class BanRecord(Struct, frozen=True):
    room_id: str
    user_id: str
    by_id: str
    reason: str | None
    banned_at: int
    expires_at: int | None


class KeptMuteRecord(Struct, frozen=True):
    """A mute of somebody who left before it ended."""

    room_id: str
    user_id: str
    muted_until: int


class ReportRecord(Struct, frozen=True):
    """A report; `message` is the JSON text that a backend keeps."""

    room_id: str
    seq: int
    by_id: str
    reason: str
    message: str
    reported_at: int


class AuditRecord(Struct, frozen=True):
    """An entry of an audit trail; `n` orders those of one time, `details` is JSON."""

    room_id: str
    n: int
    at: int
    by_id: str
    action: str
    user_id: str | None
    details: str


# In the order of their dependencies: a record refers only to records of the same or an earlier kind.
KINDS: Mapping[str, type[Any]] = {
    "users": UserRecord,
    "sessions": Session,
    "deleted_rooms": DeletedRoomRecord,
    "rooms": RoomRecord,
    "members": MemberRecord,
    "invites": InviteRecord,
    "messages": Message,
    "changes": ChangeRecord,
    "message_edits": MessageEditsRecord,
    "reactions": ReactionRecord,
    "files": FileRecord,
    "settings": SettingsRecord,
    "blocks": BlockRecord,
    "bots": BotRecord,
    "webhooks": WebhookRecord,
    "bans": BanRecord,
    "kept_mutes": KeptMuteRecord,
    "reports": ReportRecord,
    "audit": AuditRecord,
}


def expires_at_ms(record: Any) -> int | None:
    """When a backend may remove the record by itself, in milliseconds since the epoch; None: never."""
    kept = _EXPIRY.get(type(record))
    return None if kept is None else kept(record)


_EXPIRY: Mapping[type, Callable[[Any], int | None]] = {
    Session: lambda session: session.expires_at_ms,
    InviteRecord: lambda invite: invite.expires_at,
    BanRecord: lambda ban: ban.expires_at,
    KeptMuteRecord: lambda mute: mute.muted_until,
    ReportRecord: lambda report: report.reported_at + REPORT_KEEP_MS,
    AuditRecord: lambda entry: entry.at + AUDIT_KEEP_MS,
}


class ExportSource(Protocol):
    """A store to export, without writers during the export."""

    async def count(self, kind: str) -> int: ...

    async def batch(self, kind: str, after: Key | None, limit: int) -> tuple[Sequence[Any], Key | None]:
        """Up to `limit` records after the key `after`, in the order of keys. The second value is the last key, None at
        the end.
        """

    def blob(self, key: str) -> AsyncIterator[bytes]:
        """Raises Missing("file")."""


class ImportTarget(Protocol):
    """A store that records are imported into and read back from."""

    async def begin(self, source_id: str) -> None:
        """Begin or continue an import. Raises StartupError if the target holds data that is not of this source."""

    async def position(self, kind: str) -> tuple[Key | None, bool]:
        """The key to continue after, and whether the kind is done."""

    async def put(self, kind: str, records: Sequence[Any], key: Key | None) -> None:
        """Store records, ignoring those that are stored already, and then the position.

        `key` None: the kind is done.
        """

    async def put_blob(self, key: str, pieces: AsyncIterator[bytes], *, sha256: str | None) -> None:
        """Store a file's bytes. Raises StartupError if their SHA-256 is not `sha256`; None: not compared."""

    def records(self, kind: str) -> AsyncIterator[Any]:
        """All records of a kind, in any order."""

    async def end(self) -> None:
        """End a complete import: remove the positions."""
