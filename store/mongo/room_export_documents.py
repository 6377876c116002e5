"""Rooms, their invite links and members of an export as documents, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.export_records import InviteRecord, MemberRecord, RoomRecord
from store.mongo.database import Document, epoch_ms, stored_time, stored_time_or_none, unset


def room_document(record: RoomRecord) -> Document:
    return unset(
        {
            "_id": record.id,
            "order": record.order,
            "name": record.name,
            "nameFolded": record.name.casefold(),
            "description": record.description,
            "isPrivate": record.is_private,
            "kind": record.kind,
            "directKey": record.direct_key,
            "ownerId": record.owner_id,
            "maxUsers": record.max_users,
            "memberCount": record.member_count,
            "slowModeS": record.slow_mode_s or None,
            "archivedAt": stored_time_or_none(record.archived_at),
            "createdAt": stored_time(record.created_at),
            "rev": record.rev,
        }
    )


def room_record(document: Mapping[str, Any]) -> RoomRecord:
    return RoomRecord(
        id=document["_id"],
        order=document["order"],
        name=document["name"],
        description=document.get("description"),
        is_private=document["isPrivate"],
        kind=document["kind"],
        direct_key=document.get("directKey"),
        owner_id=document.get("ownerId"),
        max_users=document["maxUsers"],
        member_count=document["memberCount"],
        slow_mode_s=document.get("slowModeS", 0),
        archived_at=epoch_ms(document.get("archivedAt")),
        created_at=int(document["createdAt"]),
        rev=document["rev"],
    )


def invite_document(record: InviteRecord) -> Document:
    ends_at = stored_time_or_none(record.expires_at)
    return {
        "_id": record.code,
        "roomId": record.room_id,
        "makerId": record.maker_id,
        "maxUses": record.max_uses,
        "uses": record.uses,
        "usesLeft": None if record.max_uses is None else max(record.max_uses - record.uses, 0),
        "endsAt": ends_at,
        "expiresAt": ends_at,
        "createdAt": stored_time(record.created_at),
    }


def invite_record(document: Mapping[str, Any]) -> InviteRecord:
    return InviteRecord(
        code=document["_id"],
        room_id=document["roomId"],
        maker_id=document["makerId"],
        max_uses=document["maxUses"],
        uses=document["uses"],
        expires_at=epoch_ms(document["endsAt"]),
        created_at=int(document["createdAt"]),
    )


def member_document(record: MemberRecord) -> Document:
    return unset(
        {
            "roomId": record.room_id,
            "userId": record.user_id,
            "username": record.username,
            "usernameFolded": record.username_folded,
            "roomOrder": record.room_order,
            "role": record.role,
            "readSeq": record.read_seq,
            "left": False,
            "mutedUntil": stored_time_or_none(record.muted_until),
            "joinedAt": stored_time(record.joined_at),
            "joinedRev": record.joined_rev,
            "rev": record.joined_rev,
            "sentAt": stored_time_or_none(record.sent_at),
            "isBot": record.is_bot or None,
        }
    )


def member_record(document: Mapping[str, Any]) -> MemberRecord:
    return MemberRecord(
        room_id=document["roomId"],
        user_id=document["userId"],
        username=document["username"],
        username_folded=document["usernameFolded"],
        room_order=document["roomOrder"],
        role=document["role"],
        read_seq=document["readSeq"],
        muted_until=epoch_ms(document.get("mutedUntil")),
        joined_at=int(document["joinedAt"]),
        joined_rev=document["joinedRev"],
        sent_at=epoch_ms(document.get("sentAt")),
        is_bot=document.get("isBot", False),
    )
