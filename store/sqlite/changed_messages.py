"""What all changes of messages share: finding the message and who acts on it, and writing the message and its entry.

Everything runs in the caller's transaction.
"""

from __future__ import annotations

import apsw
from msgspec import Struct
from msgspec.structs import replace

from store.errors import Missing
from store.ids import place_of
from store.models import Message, MessageChange, Role
from store.room_rules import ActorInRoom
from store.sqlite.changes import record
from store.sqlite.rows import (
    MESSAGE_COLUMNS,
    ROOM_COLUMNS,
    MessageExtra,
    fetch_one,
    message_extra_text,
    message_from,
    room_from,
)
from store.sqlite.search_index import reindex

_ROW = f"SELECT {MESSAGE_COLUMNS}, row FROM messages WHERE room_id = ? AND seq = ?"
_ACTOR = f"""
SELECT {ROOM_COLUMNS}, m.role, m.muted_until
FROM rooms r LEFT JOIN members m ON m.room_id = r.id AND m.user_id = ?2 WHERE r.id = ?1"""
_UPDATE = """
UPDATE messages SET rev = ?, content = ?, extra = ?, edited_at = coalesce(?, edited_at), deleted_at = coalesce(?,
deleted_at)
WHERE row = ?"""


class StoredMessage(Struct, frozen=True):
    """A message and the number of its row."""

    message: Message
    row: int


def stored_message(connection: apsw.Connection, message_id: str) -> StoredMessage:
    """Raises Missing("message")."""
    place = place_of(message_id)
    found = None if place is None else fetch_one(connection, _ROW, place)
    if place is None or found is None:
        raise Missing("message")
    return StoredMessage(message_from(place[0], found), found[-1])


def actor_in_room(connection: apsw.Connection, room_id: str, user_id: str) -> ActorInRoom:
    """Raises Missing("message"): without the room there is none of its messages either."""
    row = fetch_one(connection, _ACTOR, (room_id, user_id))
    if row is None:
        raise Missing("message")
    role, muted_until_ms = row[-2:]
    return ActorInRoom(room_from(row), None if role is None else Role(role), muted_until_ms)


def write_change(
    connection: apsw.Connection, stored: StoredMessage, now_ms: int, *, rev: int, **fields: object
) -> MessageChange:
    """Write the message with these fields, and its entry `rev`, which is the room's next."""
    message, row = stored.message, stored.row
    after = replace(message, rev=rev, **fields)
    extra = message_extra_text(
        MessageExtra(mentions=after.mentions, attachments=after.attachments, reactions=after.reactions)
    )
    edited_at = now_ms if "edited_at" in fields else None
    deleted_at = now_ms if "deleted_at" in fields else None
    if after.content != message.content:
        reindex(connection, row, message.content, after.content)
    connection.execute(_UPDATE, (rev, after.content, extra, edited_at, deleted_at, row))
    is_reaction = "reactions" in fields and deleted_at is None
    record(connection, message.room_id, rev=rev, now_ms=now_ms, message=after, is_reaction=is_reaction)
    return MessageChange(after, True)
