"""Edits and deletions of messages, and the texts that edits replaced.

Each change is one transaction: the row, the search index, the replaced texts, and an entry in the changes log.
"""

from __future__ import annotations

import apsw

from common.rfc3339 import rfc3339
from store.audit_notes import message_note
from store.errors import Missing
from store.models import (
    REPLACED_TEXTS_KEPT,
    Actor,
    AuditAction,
    Message,
    MessageChange,
    MessageHistory,
    ReplacedText,
)
from store.room_rules import require_author_or_moderator, require_editor, require_sees_message
from store.sqlite.audit import record_audit
from store.sqlite.changed_messages import actor_in_room, stored_message, write_change
from store.sqlite.rows import fetch

_KEEP = "INSERT INTO message_edits (room_id, seq, rev, content, edited_at) VALUES (?, ?, ?, ?, ?)"
_DROP_OLD = """
DELETE FROM message_edits WHERE room_id = ?1 AND seq = ?2 AND rev <= (
    SELECT rev FROM message_edits WHERE room_id = ?1 AND seq = ?2 ORDER BY rev DESC LIMIT 1 OFFSET ?3)"""
_HISTORY = """
SELECT content, edited_at FROM message_edits WHERE room_id = ? AND seq = ? ORDER BY rev DESC LIMIT ?"""
# Deleted with the message: what else there is of it.
_PARTS = ("mentions", "file_posts", "reactions", "message_edits")


def edit(connection: apsw.Connection, message_id: str, content: str, actor: Actor, now_ms: int) -> MessageChange:
    """As store.contract.Messages.edit says, in the caller's transaction."""
    stored = stored_message(connection, message_id)
    message = stored.message
    of = actor_in_room(connection, message.room_id, actor.user_id)
    require_sees_message(of.room, actor, of.role)
    require_editor(of.room, actor, of.role, author_id=message.user_id, muted_until_ms=of.muted_until_ms, now_ms=now_ms)
    if message.deleted_at is not None or message.content is None:
        raise Missing("message")
    if message.content == content:
        return MessageChange(message, False)
    rev, place = of.room.rev + 1, (message.room_id, message.seq)
    connection.execute(_KEEP, (*place, rev, message.content, now_ms))
    connection.execute(_DROP_OLD, (*place, REPLACED_TEXTS_KEPT))
    _record_audit(connection, message, actor, AuditAction.MESSAGE_EDITED, now_ms)
    return write_change(connection, stored, now_ms, rev=rev, content=content, edited_at=rfc3339(now_ms))


def delete(connection: apsw.Connection, message_id: str, actor: Actor, now_ms: int) -> MessageChange:
    """As store.contract.Messages.delete says, in the caller's transaction."""
    stored = stored_message(connection, message_id)
    message = stored.message
    of = actor_in_room(connection, message.room_id, actor.user_id)
    require_sees_message(of.room, actor, of.role)
    require_author_or_moderator(actor, of.role, author_id=message.user_id)
    if message.deleted_at is not None:
        return MessageChange(message, False)
    for table in _PARTS:
        connection.execute(f"DELETE FROM {table} WHERE room_id = ? AND seq = ?", (message.room_id, message.seq))
    _record_audit(connection, message, actor, AuditAction.MESSAGE_DELETED, now_ms)
    return write_change(
        connection, stored, now_ms, rev=of.room.rev + 1,
        content=None, attachments=(), mentions=(), reactions={}, deleted_at=rfc3339(now_ms),
    )  # fmt: skip


def _record_audit(
    connection: apsw.Connection, message: Message, actor: Actor, action: AuditAction, now_ms: int
) -> None:
    note = message_note(actor, action, message_id=message.id, author_id=message.user_id)
    if note is not None:
        record_audit(connection, message.room_id, note, now_ms=now_ms)


def history(connection: apsw.Connection, message_id: str, actor: Actor) -> MessageHistory:
    """As store.contract.Messages.history says."""
    message = stored_message(connection, message_id).message
    of = actor_in_room(connection, message.room_id, actor.user_id)
    require_sees_message(of.room, actor, of.role)
    require_author_or_moderator(actor, of.role, author_id=message.user_id)
    rows = fetch(connection, _HISTORY, (message.room_id, message.seq, REPLACED_TEXTS_KEPT))
    return MessageHistory(message, tuple(ReplacedText(content, rfc3339(at_ms)) for content, at_ms in rows))
