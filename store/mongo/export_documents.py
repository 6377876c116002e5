"""Records of an export as documents, and back: one pair of functions for each kind of record. Knows no queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from common.rfc3339 import epoch_ms_of
from store.export_records import (
    BlockRecord,
    ChangeRecord,
    DeletedRoomRecord,
    FileRecord,
    MessageEditsRecord,
    ReactionRecord,
    SettingsRecord,
    UserRecord,
)
from store.ids import place_of
from store.models import FileDraft, Message
from store.mongo.apply_change import KEEP_MS
from store.mongo.bot_documents import bot_document, bot_record, webhook_document, webhook_record
from store.mongo.database import Document, epoch_ms, stored_time, stored_time_or_none, unset
from store.mongo.documents import (
    file_document,
    file_from,
    folded,
    is_reaction_entry,
    message_from,
    session_document,
    session_from,
)
from store.mongo.moderation_export_documents import MODERATION
from store.mongo.room_export_documents import (
    invite_document,
    invite_record,
    member_document,
    member_record,
    room_document,
    room_record,
)


class RecordMapping(Struct, frozen=True):
    """How one kind of record becomes a document, and a document that record."""

    document: Callable[[Any], Document]
    record: Callable[[Mapping[str, Any]], Any]


def _user_document(record: UserRecord) -> Document:
    return unset(
        {
            "_id": record.id,
            "username": record.username,
            "usernameFolded": record.username_folded,
            "email": record.email,
            "emailFolded": record.email.lower() or record.id,  # it is unique, and a bot has no address
            "passwordHash": record.password_hash,
            "displayName": record.display_name,
            "displayFolded": record.display_name.casefold(),
            "avatarUrl": record.avatar_url,
            "textColor": record.text_color,
            "backgroundColor": record.background_color,
            "status": record.status,
            "customStatus": record.custom_status,
            "createdAt": stored_time(record.created_at),
            "disabledAt": stored_time_or_none(record.disabled_at),
            "botRoomId": record.bot_room_id,
            "endedAt": stored_time_or_none(record.ended_at),
            "endingSince": stored_time_or_none(record.ended_at) if record.is_ending else None,
        }
    )


def _user_record(document: Mapping[str, Any]) -> UserRecord:
    return UserRecord(
        id=document["_id"],
        username=document["username"],
        email=document["email"],
        password_hash=document["passwordHash"],
        display_name=document["displayName"],
        avatar_url=document.get("avatarUrl"),
        text_color=document.get("textColor"),
        background_color=document.get("backgroundColor"),
        status=document["status"],
        custom_status=document.get("customStatus"),
        created_at=int(document["createdAt"]),
        disabled_at=epoch_ms(document.get("disabledAt")),
        bot_room_id=document.get("botRoomId"),
        username_folded=document["usernameFolded"],
        ended_at=epoch_ms(document.get("endedAt")),
        is_ending="endingSince" in document,
    )


def _message_document(message: Message) -> Document:
    return unset(
        {
            "roomId": message.room_id,
            "seq": message.seq,
            "rev": message.rev,
            "userId": message.user_id,
            "username": message.username,
            "type": message.type,
            "content": message.content,
            "folded": folded(message.content),
            "clientId": message.client_id,
            "replyTo": _seq_of(message.reply_to_id),
            "thread": _seq_of(message.thread_id),
            "attachments": [file_document(file) for file in message.attachments] or None,
            "mentions": list(message.mentions) or None,
            "reactions": [
                {"emoji": emoji, "count": reaction.count, "userIds": list(reaction.user_ids)}
                for emoji, reaction in message.reactions.items()
            ]
            or None,
            "createdAt": stored_time(epoch_ms_of(message.created_at)),
            "editedAt": None if message.edited_at is None else stored_time(epoch_ms_of(message.edited_at)),
            "deletedAt": None if message.deleted_at is None else stored_time(epoch_ms_of(message.deleted_at)),
        }
    )


def _change_document(record: ChangeRecord) -> Document:
    document: Document = {"roomId": record.room_id, "rev": record.rev, "createdAt": stored_time(record.created_at)}
    if record.message is not None:
        document |= {"seq": record.message.seq, "message": _message_document(record.message)}
    if record.is_reaction:
        document["isReaction"] = True
    if record.is_settings:
        document["isSettings"] = True
    if not record.is_newest:
        document["expiresAt"] = stored_time(time.time_ns() // 1_000_000 + KEEP_MS)
    return document


def _seq_of(message_id: str | None) -> int | None:
    place = None if message_id is None else place_of(message_id)
    return None if place is None else place[1]


def _change_record(document: Mapping[str, Any]) -> ChangeRecord:
    message = document.get("message")
    return ChangeRecord(
        room_id=document["roomId"],
        rev=document["rev"],
        created_at=int(document["createdAt"]),
        is_newest="expiresAt" not in document,
        message=None if message is None else message_from(message),
        is_reaction=is_reaction_entry(document),
        is_settings=document.get("isSettings", False),
    )


def _edits_document(record: MessageEditsRecord) -> Document:
    texts = [{"content": content, "editedAt": stored_time(at_ms)} for content, at_ms in record.texts]
    return {"roomId": record.room_id, "seq": record.seq, "rev": 0, "texts": texts}


def _edits_record(document: Mapping[str, Any]) -> MessageEditsRecord:
    texts = tuple((text["content"], int(text["editedAt"])) for text in document["texts"])
    return MessageEditsRecord(document["roomId"], document["seq"], texts)


def _reaction_document(record: ReactionRecord) -> Document:
    return {
        "roomId": record.room_id,
        "seq": record.seq,
        "emoji": record.emoji,
        "userId": record.user_id,
        "on": True,
        "rev": 0,
        "since": stored_time(record.created_at),
    }


def _reaction_record(document: Mapping[str, Any]) -> ReactionRecord:
    return ReactionRecord(
        document["roomId"], document["seq"], document["emoji"], document["userId"], int(document["since"])
    )


def _file_record_document(record: FileRecord) -> Document:
    posts = [{"roomId": room_id, "clientId": client_id} for room_id, client_id in record.posts]
    return file_document(record.draft) | unset(
        {
            "ownerId": record.draft.owner_id,
            "createdAt": stored_time(record.created_at),
            "posts": posts or None,
            "isAvatar": record.is_avatar or None,
        }
    )


def _file_record(document: Mapping[str, Any]) -> FileRecord:
    file = file_from(document)
    draft = FileDraft(
        id=file.id,
        owner_id=document["ownerId"],
        name=file.name,
        size=file.size,
        mime_type=file.mime_type,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        has_thumbnail=file.thumbnail_url is not None,
    )
    posts = tuple((post["roomId"], post["clientId"]) for post in document.get("posts", ()))
    return FileRecord(draft, int(document["createdAt"]), posts, document.get("isAvatar", False))


MAPPINGS: Mapping[str, RecordMapping] = {
    "users": RecordMapping(_user_document, _user_record),
    "sessions": RecordMapping(session_document, session_from),
    "deleted_rooms": RecordMapping(
        lambda record: {"_id": record.room_id, "deletedAt": stored_time(record.deleted_at), "isEmpty": False},
        lambda document: DeletedRoomRecord(document["_id"], int(document["deletedAt"])),
    ),
    "rooms": RecordMapping(room_document, room_record),
    "invites": RecordMapping(invite_document, invite_record),
    "members": RecordMapping(member_document, member_record),
    "messages": RecordMapping(_message_document, message_from),
    "changes": RecordMapping(_change_document, _change_record),
    "message_edits": RecordMapping(_edits_document, _edits_record),
    "reactions": RecordMapping(_reaction_document, _reaction_record),
    "files": RecordMapping(_file_record_document, _file_record),
    "settings": RecordMapping(
        lambda record: {"_id": record.user_id, "document": record.document, "rev": 1},
        lambda document: SettingsRecord(document["_id"], document["document"]),
    ),
    "blocks": RecordMapping(
        lambda record: {
            "userId": record.user_id,
            "blockedId": record.blocked_id,
            "createdAt": stored_time(record.created_at),
        },
        lambda document: BlockRecord(document["userId"], document["blockedId"], int(document["createdAt"])),
    ),
    "bots": RecordMapping(bot_document, bot_record),
    "webhooks": RecordMapping(webhook_document, webhook_record),
    **{kind: RecordMapping(*pair) for kind, pair in MODERATION.items()},
}
