"""Conversion between documents and models. Knows no queries.

Field names are the contract's; `replyTo` and `thread` are seqs; an absent field is None or empty. Reactions are an
array because an emoji is a client's data and must not be a field name. `folded` is the search form of a content that is
not plain ASCII.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from common.rfc3339 import rfc3339
from common.text_folding import search_form
from store.ids import file_url, message_id
from store.models import (
    Account,
    Change,
    File,
    FileDraft,
    Member,
    Membership,
    Message,
    MessageDraft,
    Reaction,
    ReplacedText,
    Role,
    Room,
    Session,
    Standing,
    Status,
    User,
)
from store.mongo.database import Document, epoch_ms, stored_time, stored_time_or_none, unset


def time_or_none(value: DatetimeMS | None) -> str | None:
    """A stored time as clients see it, None where there is none."""
    return None if value is None else rfc3339(int(value))


def user_from(document: Mapping[str, Any]) -> User:
    return User(
        id=document["_id"],
        username=document["username"],
        display_name=document["displayName"],
        avatar_url=document.get("avatarUrl"),
        text_color=document.get("textColor"),
        background_color=document.get("backgroundColor"),
        status=Status(document["status"]),
        custom_status=document.get("customStatus"),
        created_at=rfc3339(int(document["createdAt"])),
        status_rev=document.get("statusRev", 0),
        bot_room_id=document.get("botRoomId"),
    )


def account_from(document: Mapping[str, Any]) -> Account:
    return Account(
        user=user_from(document),
        email=document["email"],
        password_hash=document["passwordHash"],
        disabled_at=time_or_none(document.get("disabledAt")),
    )


def session_document(session: Session) -> Document:
    return unset(
        {
            "_id": session.id,
            "userId": session.user_id,
            "generation": session.generation,
            "rotatedAt": stored_time(session.rotated_at_ms),
            "expiresAt": stored_time(session.expires_at_ms),
            "revokedAt": stored_time_or_none(session.revoked_at_ms),
            "beganAt": stored_time_or_none(session.began_at_ms),
            "userAgent": session.user_agent,
        }
    )


def session_from(document: Mapping[str, Any]) -> Session:
    return Session(
        id=document["_id"],
        user_id=document["userId"],
        generation=document["generation"],
        rotated_at_ms=int(document["rotatedAt"]),
        expires_at_ms=int(document["expiresAt"]),
        revoked_at_ms=epoch_ms(document.get("revokedAt")),
        began_at_ms=epoch_ms(document.get("beganAt")),
        user_agent=document.get("userAgent"),
    )


def room_from(document: Mapping[str, Any]) -> Room:
    """A room from a document of room_pipelines.py, with `head`: an array with the newest message's seq."""
    return Room(
        id=document["_id"],
        name=document["name"],
        description=document.get("description"),
        is_private=document["isPrivate"],
        kind=document["kind"],
        owner_id=document.get("ownerId"),
        max_users=document["maxUsers"],
        member_count=document["memberCount"],
        slow_mode_s=document.get("slowModeS", 0),
        archived_at=time_or_none(document.get("archivedAt")),
        created_at=rfc3339(int(document["createdAt"])),
        last_seq=last_seq_of(document),
        rev=document["rev"],
    )


def last_seq_of(document: Mapping[str, Any]) -> int:
    """The seq of the newest message, from the array `head`; 0 where there is none."""
    head = document["head"]
    return int(head[0]["seq"]) if head else 0


def membership_from(document: Mapping[str, Any], last_seq: int) -> Membership:
    """A membership from a members document with `mentioned`, an array with the count of unread mentions."""
    read_seq = document["readSeq"]
    mentioned = document["mentioned"]
    return Membership(
        role=Role(document["role"]),
        read_seq=read_seq,
        unread_count=max(0, last_seq - read_seq),
        mention_count=mentioned[0]["count"] if mentioned else 0,
        muted_until=time_or_none(document.get("mutedUntil")),
        joined_rev=document["joinedRev"],
    )


def standing_from(document: Mapping[str, Any]) -> Standing:
    """A room and its `membership`: an array of the asking user's members document, or empty."""
    room = room_from(document)
    found = document["membership"]
    return Standing(room=room, membership=membership_from(found[0], room.last_seq) if found else None)


def member_from(document: Mapping[str, Any]) -> Member:
    """A member from a members document with `user`, an array of the one users document."""
    user = document["user"][0]
    return Member(
        user_id=document["userId"],
        username=user["username"],
        display_name=user["displayName"],
        role=Role(document["role"]),
    )


def message_document(
    room_id: str,
    seq: int,
    draft: MessageDraft,
    *,
    created_at: DatetimeMS,
    reply_to: int | None,
    thread: int | None,
    attachments: Sequence[File],
    mentions: Sequence[str],
) -> Document:
    """A new message's document, without its `_id`."""
    return unset(
        {
            "roomId": room_id,
            "seq": seq,
            "rev": 0,
            "userId": draft.user_id,
            "username": draft.username,
            "type": "text",
            "content": draft.content,
            "folded": folded(draft.content),
            "clientId": draft.client_id,
            "replyTo": reply_to,
            "thread": thread,
            "attachments": [file_document(file) for file in attachments] or None,
            "mentions": list(mentions) or None,
            "createdAt": created_at,
        }
    )


def folded(content: str | None) -> str | None:
    """The field `folded` of a message with this content: None where its words are those of the content."""
    return None if content is None or content.isascii() else search_form(content)


def form_of(document: Mapping[str, Any]) -> str:
    """The search form of a message's content, empty where it has none."""
    form: str | None = document.get("folded")
    return search_form(document.get("content", "")) if form is None else form


def message_from(document: Mapping[str, Any]) -> Message:
    room_id, seq = document["roomId"], document["seq"]
    reply_to, thread = document.get("replyTo"), document.get("thread")
    return Message(
        id=message_id(room_id, seq),
        room_id=room_id,
        seq=seq,
        rev=document["rev"],
        user_id=document["userId"],
        username=document["username"],
        type=document["type"],
        content=document.get("content"),
        client_id=document["clientId"],
        reply_to_id=None if reply_to is None else message_id(room_id, reply_to),
        thread_id=None if thread is None else message_id(room_id, thread),
        attachments=tuple(file_from(file) for file in document.get("attachments", ())),
        mentions=tuple(document.get("mentions", ())),
        reactions={
            reaction["emoji"]: Reaction(reaction["count"], tuple(reaction["userIds"]))
            for reaction in document.get("reactions", ())
        },
        created_at=rfc3339(int(document["createdAt"])),
        edited_at=time_or_none(document.get("editedAt")),
        deleted_at=time_or_none(document.get("deletedAt")),
    )


def replaced_texts_from(message: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]) -> tuple[ReplacedText, ...]:
    """The replaced texts of a message, the newest first, from its message_edits document if there is one."""
    texts = edits[0].get("texts", ()) if edits and "deletedAt" not in message else ()
    return tuple(ReplacedText(text["content"], rfc3339(int(text["editedAt"]))) for text in reversed(texts))


def change_from(entry: Mapping[str, Any], deleted: Mapping[int, Mapping[str, Any]]) -> Change:
    """An entry of the changes log, as clients see it. `deleted`: the messages that are deleted by now, by seq."""
    message = entry.get("message")
    if message is None:
        return Change(entry["rev"], None, is_settings=entry.get("isSettings", False))
    if message["seq"] in deleted:
        return Change(entry["rev"], message_from(deleted[message["seq"]]))
    return Change(entry["rev"], message_from(message), is_reaction_entry(entry))


def is_reaction_entry(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of the changes log is about reactions. An imported entry has only the field `isReaction`."""
    return "reactions" in entry or entry.get("isReaction", False)


def file_document(file: File | FileDraft) -> Document:
    """A file's description: as uploaded, or as it stands in a message."""
    has_thumbnail = file.has_thumbnail if isinstance(file, FileDraft) else file.thumbnail_url is not None
    return unset(
        {
            "_id": file.id,
            "name": file.name,
            "size": file.size,
            "mimeType": file.mime_type,
            "sha256": file.sha256,
            "width": file.width,
            "height": file.height,
            "hasThumbnail": has_thumbnail or None,
        }
    )


def file_from(document: Mapping[str, Any]) -> File:
    url = file_url(document["_id"])
    return File(
        id=document["_id"],
        url=url,
        name=document["name"],
        size=document["size"],
        mime_type=document["mimeType"],
        sha256=document["sha256"],
        width=document.get("width"),
        height=document.get("height"),
        thumbnail_url=f"{url}/thumbnail" if document.get("hasThumbnail") else None,
    )
