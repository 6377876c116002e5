"""Records of bans, kept mutes, reports and audit trails as documents, and back, for export_documents.py. Knows no
queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from store.export_records import AuditRecord, BanRecord, KeptMuteRecord, ReportRecord
from store.models import AUDIT_KEEP_MS, REPORT_KEEP_MS
from store.mongo.apply_change import TOMBSTONE_MS
from store.mongo.database import Document, epoch_ms, stored_time, stored_time_or_none, unset


def _ban_document(record: BanRecord) -> Document:
    until_ms = record.expires_at
    return unset(
        {
            "roomId": record.room_id,
            "userId": record.user_id,
            "by": record.by_id,
            "reason": record.reason,
            "bannedAt": stored_time(record.banned_at),
            "lifted": False,
            "until": stored_time_or_none(until_ms),
            "expiresAt": None if until_ms is None else stored_time(until_ms + TOMBSTONE_MS),
            "rev": 0,
        }
    )


def _ban_record(document: Mapping[str, Any]) -> BanRecord:
    return BanRecord(
        document["roomId"],
        document["userId"],
        document["by"],
        document.get("reason"),
        int(document["bannedAt"]),
        epoch_ms(document.get("until")),
    )


def _kept_mute_document(record: KeptMuteRecord) -> Document:
    """What the end of a membership leaves of it, see membership_ends.py."""
    until = stored_time(record.muted_until)
    place = {"roomId": record.room_id, "userId": record.user_id}
    return {**place, "left": True, "mutedUntil": until, "expiresAt": until, "rev": 0}


def _kept_mute_record(document: Mapping[str, Any]) -> KeptMuteRecord:
    return KeptMuteRecord(document["roomId"], document["userId"], int(document["mutedUntil"]))


def _report_document(record: ReportRecord) -> Document:
    return {
        "roomId": record.room_id,
        "seq": record.seq,
        "by": record.by_id,
        "reason": record.reason,
        "message": record.message,
        "reportedAt": stored_time(record.reported_at),
        "expiresAt": stored_time(record.reported_at + REPORT_KEEP_MS),
    }


def _report_record(document: Mapping[str, Any]) -> ReportRecord:
    return ReportRecord(
        document["roomId"],
        document["seq"],
        document["by"],
        document["reason"],
        document["message"],
        int(document["reportedAt"]),
    )


def _audit_document(record: AuditRecord) -> Document:
    return unset(
        {
            "_id": f"{record.room_id}-imported-{record.n}",  # no entry of the changes log makes this id
            "roomId": record.room_id,
            "n": record.n,
            "at": stored_time(record.at),
            "by": record.by_id,
            "action": record.action,
            "userId": record.user_id,
            "details": msgspec.json.decode(record.details),
            "expiresAt": stored_time(record.at + AUDIT_KEEP_MS),
        }
    )


def _audit_record(document: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        document["roomId"],
        document["n"],
        int(document["at"]),
        document["by"],
        document["action"],
        document.get("userId"),
        msgspec.json.encode(document["details"]).decode(),
    )


# By kind, the document of a record, and the record of a document
MODERATION: Mapping[str, tuple[Callable[[Any], Document], Callable[[Mapping[str, Any]], Any]]] = {
    "bans": (_ban_document, _ban_record),
    "kept_mutes": (_kept_mute_document, _kept_mute_record),
    "reports": (_report_document, _report_record),
    "audit": (_audit_document, _audit_record),
}
