"""Changes of messages: edit, delete, react.

Each is one transaction: the row, the search index, and an entry in the changes log.
"""

from __future__ import annotations

import apsw
from msgspec.structs import replace

from common.rfc3339 import rfc3339
from store.errors import Missing, TooManyKinds
from store.ids import place_of
from store.models import REACTION_KINDS_MAX, REACTION_USERS_NAMED, Message, MessageChange, Reaction
from store.sqlite.changes import head_rev, record
from store.sqlite.rows import MESSAGE_COLUMNS, MessageExtra, fetch, fetch_one, message_extra_text, message_from

_ROW = f"SELECT {MESSAGE_COLUMNS}, row FROM messages WHERE room_id = ? AND seq = ?"
_UPDATE = """
UPDATE messages SET rev = ?, content = ?, extra = ?, edited_at = coalesce(?, edited_at), deleted_at = coalesce(?,
deleted_at)
WHERE row = ?"""
_UNINDEX = "INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', ?, ?)"
_INDEX = "INSERT INTO messages_fts (rowid, content) VALUES (?, ?)"

_REACTORS = """
SELECT user_id FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ? ORDER BY created_at, user_id LIMIT ?"""
_COUNT = "SELECT count(*) FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ?"


def edit(connection: apsw.Connection, message_id: str, content: str, now_ms: int) -> MessageChange:
    """As store.contract.Messages.edit says, in the caller's transaction."""
    message, row = _require_undeleted(connection, message_id)
    if message.content == content:
        return MessageChange(message, False)
    return _change(connection, message, row, now_ms, content=content, edited_at=rfc3339(now_ms))


def delete(connection: apsw.Connection, message_id: str, now_ms: int) -> MessageChange:
    """As store.contract.Messages.delete says, in the caller's transaction."""
    message, row = _require(connection, message_id)
    if message.deleted_at is not None:
        return MessageChange(message, False)
    place = (message.room_id, message.seq)
    for table in ("mentions", "file_posts", "reactions"):
        connection.execute(f"DELETE FROM {table} WHERE room_id = ? AND seq = ?", place)
    return _change(
        connection, message, row, now_ms,
        content=None, attachments=(), mentions=(), reactions={}, deleted_at=rfc3339(now_ms),
    )  # fmt: skip


def react(
    connection: apsw.Connection, message_id: str, user_id: str, emoji: str, on: bool, now_ms: int
) -> MessageChange:
    """As store.contract.Messages.react says, in the caller's transaction."""
    message, row = _require_undeleted(connection, message_id)
    key = (message.room_id, message.seq, emoji, user_id)
    if on:
        connection.execute(
            "INSERT OR IGNORE INTO reactions (room_id, seq, emoji, user_id, created_at) VALUES (?, ?, ?, ?, ?)",
            (*key, now_ms),
        )
    else:
        connection.execute("DELETE FROM reactions WHERE room_id = ? AND seq = ? AND emoji = ? AND user_id = ?", key)
    if not connection.changes():
        return MessageChange(message, False)
    reactions = (
        _with_reaction(message, emoji, user_id) if on else _without_reaction(connection, message, emoji, user_id)
    )
    return _change(connection, message, row, now_ms, reactions=reactions)


def _with_reaction(message: Message, emoji: str, user_id: str) -> dict[str, Reaction]:
    if emoji not in message.reactions and len(message.reactions) >= REACTION_KINDS_MAX:
        raise TooManyKinds
    before = message.reactions.get(emoji, Reaction(0, ()))
    named = before.user_ids if len(before.user_ids) >= REACTION_USERS_NAMED else (*before.user_ids, user_id)
    return {**message.reactions, emoji: Reaction(before.count + 1, named)}


def _without_reaction(connection: apsw.Connection, message: Message, emoji: str, user_id: str) -> dict[str, Reaction]:
    key = (message.room_id, message.seq, emoji)
    (count,) = fetch(connection, _COUNT, key)[0]
    if not count:
        return {name: reaction for name, reaction in message.reactions.items() if name != emoji}
    named = tuple(one for one in message.reactions[emoji].user_ids if one != user_id)
    if len(named) < min(count, REACTION_USERS_NAMED):
        # A named user is removed and there are more: the next one is in the reactions table only.
        named = tuple(row[0] for row in fetch(connection, _REACTORS, (*key, REACTION_USERS_NAMED)))
    return {**message.reactions, emoji: Reaction(count, named)}


def _change(connection: apsw.Connection, message: Message, row: int, now_ms: int, **fields: object) -> MessageChange:
    """Write the message with these fields, and its entry."""
    rev = head_rev(connection, message.room_id) + 1
    after = replace(message, rev=rev, **fields)
    extra = message_extra_text(
        MessageExtra(mentions=after.mentions, attachments=after.attachments, reactions=after.reactions)
    )
    edited_at = now_ms if "edited_at" in fields else None
    deleted_at = now_ms if "deleted_at" in fields else None
    if after.content != message.content:
        connection.execute(_UNINDEX, (row, message.content))
        if after.content is not None:
            connection.execute(_INDEX, (row, after.content))
    connection.execute(_UPDATE, (rev, after.content, extra, edited_at, deleted_at, row))
    is_reaction = "reactions" in fields and deleted_at is None
    record(connection, message.room_id, rev=rev, now_ms=now_ms, message=after, is_reaction=is_reaction)
    return MessageChange(after, True)


def _require(connection: apsw.Connection, message_id: str) -> tuple[Message, int]:
    place = place_of(message_id)
    found = None if place is None else fetch_one(connection, _ROW, place)
    if place is None or found is None:
        raise Missing("message")
    return message_from(place[0], found), found[-1]


def _require_undeleted(connection: apsw.Connection, message_id: str) -> tuple[Message, int]:
    message, row = _require(connection, message_id)
    if message.deleted_at is not None:
        raise Missing("message")
    return message, row
