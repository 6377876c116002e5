"""All that a store holds, as records that no backend owns: what one writes out and another takes in.

Times in milliseconds.

Ids, seqs, revs and files' bytes stay what they are; what a backend derives (folded names, indexes) is not in here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from store.models import FileDraft, Message, Session

Key = tuple[Any, ...]


class UserRecord(Struct, frozen=True):
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


class RoomRecord(Struct, frozen=True):
    """`order`: rooms are listed by it, the greatest first."""

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
    room_id: str
    user_id: str
    username: str
    room_order: int
    role: str
    read_seq: int
    muted_until: int | None
    joined_at: int
    joined_rev: int


class ChangeRecord(Struct, frozen=True):
    """An entry of a changes log; `is_newest` of its room."""

    room_id: str
    rev: int
    created_at: int
    is_newest: bool
    message: Message | None
    is_reaction: bool = False


class ReactionRecord(Struct, frozen=True):
    room_id: str
    seq: int
    emoji: str
    user_id: str
    created_at: int


class FileRecord(Struct, frozen=True):
    """A described file; `posts`: room and clientId of each message of its owner that shows it, in order."""

    draft: FileDraft
    created_at: int
    posts: tuple[tuple[str, str], ...]


# What depends on what: in this order nothing refers to what is not there yet.
KINDS: Mapping[str, type[Any]] = {
    "users": UserRecord,
    "sessions": Session,
    "rooms": RoomRecord,
    "members": MemberRecord,
    "messages": Message,
    "changes": ChangeRecord,
    "reactions": ReactionRecord,
    "files": FileRecord,
}


class ExportSource(Protocol):
    """A store that nobody writes to while it is read."""

    async def count(self, kind: str) -> int: ...

    async def batch(self, kind: str, after: Key | None, limit: int) -> tuple[Sequence[Any], Key | None]:
        """Records in the order of their keys, those after `after`; the second value is the last one's key, None at the
        end.
        """

    def blob(self, key: str) -> AsyncIterator[bytes]:
        """Raises Missing("file")."""


class ImportTarget(Protocol):
    """A store that takes records in, and reads them back."""

    async def begin(self, source_id: str) -> None:
        """Raises StartupError where the target holds anything that did not come from this source."""

    async def position(self, kind: str) -> tuple[Key | None, bool]:
        """After which key to go on, and whether the kind is done."""

    async def put(self, kind: str, records: Sequence[Any], key: Key | None) -> None:
        """Store records, all of them again if need be, and then the position; `key` None: the kind is done."""

    async def put_blob(self, key: str, pieces: AsyncIterator[bytes], *, sha256: str | None) -> None:
        """Store a file's bytes, unless they are there with this SHA-256. Raises StoreError where they differ."""

    def records(self, kind: str) -> AsyncIterator[Any]:
        """All records of a kind, in any order."""

    async def end(self) -> None:
        """What was taken in is whole: forget the positions."""
