"""Records of bots and webhooks as documents, and back: of new ones, and of those of an export. Knows no queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.export_records import BotRecord, WebhookRecord
from store.mongo.database import Document, stored_time


def bot_document(record: BotRecord) -> Document:
    return {
        "_id": record.user_id,
        "userId": record.user_id,
        "roomId": record.room_id,
        "sessionId": record.session_id,
        "createdBy": record.created_by,
        "createdAt": stored_time(record.created_at),
    }


def bot_record(document: Mapping[str, Any]) -> BotRecord:
    return BotRecord(
        document["_id"],
        document["roomId"],
        document["sessionId"],
        document["createdBy"],
        int(document["createdAt"]),
    )


def webhook_document(record: WebhookRecord) -> Document:
    return {
        "_id": record.id,
        "roomId": record.room_id,
        "userId": record.user_id,
        "name": record.name,
        "tokenHash": record.token_hash,
        "createdBy": record.created_by,
        "createdAt": stored_time(record.created_at),
    }


def webhook_record(document: Mapping[str, Any]) -> WebhookRecord:
    return WebhookRecord(
        document["_id"],
        document["roomId"],
        document["userId"],
        document["name"],
        document["tokenHash"],
        document["createdBy"],
        int(document["createdAt"]),
    )
