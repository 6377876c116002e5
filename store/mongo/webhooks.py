"""The webhooks collection: tokens by which messages are posted, and the users as which they are (see bots.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.rfc3339 import rfc3339
from store.audit_notes import webhook_note
from store.errors import Missing
from store.export_records import WebhookRecord
from store.ids import make_id
from store.models import (
    WEBHOOKS_PER_ROOM_MAX,
    Actor,
    AuditAction,
    MembershipChange,
    Webhook,
    WebhookAdded,
    WebhookDraft,
    WebhookRemoved,
)
from store.mongo.bot_documents import webhook_document
from store.mongo.bots import (
    JoinAsBot,
    LeaveAsBot,
    RequireModerator,
    RequirePlace,
    bot_user_document,
    insert_bot_user,
    leave_as_bot,
    undone_on_refusal,
)
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database


class MongoWebhooks:
    """store.contract.Webhooks on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log
        self._webhooks = database.webhooks

    async def add(self, room_id: str, actor: Actor, draft: WebhookDraft) -> WebhookAdded:
        now_ms = self._database.clock()
        user = bot_user_document(room_id, draft.user_id, draft.username, display_name=draft.name, now_ms=now_ms)
        webhook = webhook_document(
            WebhookRecord(make_id("w"), room_id, draft.user_id, draft.name, draft.token_hash, actor.user_id, now_ms)
        )
        async with self._database.operation("webhooks.add", write=True):
            await self._log.change(room_id, RequirePlace(actor, among=self._webhooks, most=WEBHOOKS_PER_ROOM_MAX))
            await insert_bot_user(self._database, user)
            async with undone_on_refusal(self._database, self._webhooks, webhook):
                await self._webhooks.insert_one(webhook)
                note = webhook_note(actor, AuditAction.WEBHOOK_MADE, user_id=draft.user_id, name=draft.name)
                joining = JoinAsBot(draft.user_id, actor, among=self._webhooks, most=WEBHOOKS_PER_ROOM_MAX, audit=note)
                change: MembershipChange = await self._log.change(room_id, joining)
        return WebhookAdded(_webhook(webhook), change)

    async def list(self, room_id: str) -> list[Webhook]:
        async with self._database.operation("webhooks.list"):
            found = self._webhooks.find({"roomId": room_id}).sort([("createdAt", 1), ("_id", 1)])
            return [_webhook(document) for document in await found.to_list(None)]

    async def by_token(self, token_hash: str) -> Webhook | None:
        async with self._database.operation("webhooks.by_token"):
            found = await self._webhooks.find_one({"tokenHash": token_hash})
        return None if found is None else _webhook(found)

    async def remove(self, room_id: str, webhook_id: str, actor: Actor) -> WebhookRemoved:
        """Removes the webhook's document last, so that a call which was cut off can be repeated."""
        async with self._database.operation("webhooks.remove", write=True):
            await self._log.change(room_id, RequireModerator(actor))
            found = await self._webhooks.find_one({"_id": webhook_id, "roomId": room_id})
            if found is None:
                raise Missing("webhook")
            note = webhook_note(actor, AuditAction.WEBHOOK_REVOKED, user_id=found["userId"], name=found["name"])
            leaving = LeaveAsBot(found["userId"], actor, audit=note)
            change = await leave_as_bot(self._database, self._log, room_id, leaving)
            await self._webhooks.delete_one({"_id": webhook_id})
        return WebhookRemoved(_webhook(found), change)


def _webhook(document: Mapping[str, Any]) -> Webhook:
    return Webhook(
        id=document["_id"],
        room_id=document["roomId"],
        user_id=document["userId"],
        name=document["name"],
        created_by=document["createdBy"],
        created_at=rfc3339(int(document["createdAt"])),
    )
