"""The webhooks table: tokens by which messages are posted, and the users as which they are."""

from __future__ import annotations

import apsw

from common.rfc3339 import rfc3339
from store.audit_notes import webhook_note
from store.errors import Missing
from store.ids import make_id
from store.models import (
    WEBHOOKS_PER_ROOM_MAX,
    Actor,
    AuditAction,
    Webhook,
    WebhookAdded,
    WebhookDraft,
    WebhookRemoved,
)
from store.sqlite.audit import record_audit
from store.sqlite.bots import join_as_bot, leave_as_bot, require_moderator_of, require_place
from store.sqlite.database import Database
from store.sqlite.rows import Row, fetch, fetch_one

_WEBHOOK = "SELECT id, room_id, user_id, name, created_by, created_at, token_hash FROM webhooks"
_LIST = f"{_WEBHOOK} WHERE room_id = ? ORDER BY created_at, id LIMIT ?"
_GET = f"{_WEBHOOK} WHERE room_id = ? AND id = ?"
_BY_TOKEN = f"{_WEBHOOK} WHERE token_hash = ?"


class SqliteWebhooks:
    """store.contract.Webhooks on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, room_id: str, actor: Actor, draft: WebhookDraft) -> WebhookAdded:
        def operation(connection: apsw.Connection) -> WebhookAdded:
            now_ms = self._database.clock()
            require_moderator_of(connection, room_id, actor)
            require_place(connection, "webhooks", room_id, WEBHOOKS_PER_ROOM_MAX)
            change = join_as_bot(
                connection, room_id, draft.user_id, draft.username, display_name=draft.name, now_ms=now_ms
            )
            row = (make_id("w"), room_id, draft.user_id, draft.name, actor.user_id, now_ms, draft.token_hash)
            connection.execute(
                """INSERT INTO webhooks (id, room_id, user_id, name, created_by, created_at, token_hash)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                row,
            )
            note = webhook_note(actor, AuditAction.WEBHOOK_MADE, user_id=draft.user_id, name=draft.name)
            record_audit(connection, room_id, note, now_ms=now_ms)
            return WebhookAdded(_webhook(row), change)

        return await self._database.write("webhooks.add", operation)

    async def list(self, room_id: str) -> list[Webhook]:
        return await self._database.read(
            "webhooks.list",
            lambda connection: [_webhook(row) for row in fetch(connection, _LIST, (room_id, WEBHOOKS_PER_ROOM_MAX))],
        )

    async def by_token(self, token_hash: str) -> Webhook | None:
        def operation(connection: apsw.Connection) -> Webhook | None:
            row = fetch_one(connection, _BY_TOKEN, (token_hash,))
            return None if row is None else _webhook(row)

        return await self._database.read("webhooks.by_token", operation)

    async def remove(self, room_id: str, webhook_id: str, actor: Actor) -> WebhookRemoved:
        def operation(connection: apsw.Connection) -> WebhookRemoved:
            require_moderator_of(connection, room_id, actor)
            row = fetch_one(connection, _GET, (room_id, webhook_id))
            if row is None:
                raise Missing("webhook")
            webhook = _webhook(row)
            connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
            now_ms = self._database.clock()
            note = webhook_note(actor, AuditAction.WEBHOOK_REVOKED, user_id=webhook.user_id, name=webhook.name)
            record_audit(connection, room_id, note, now_ms=now_ms)
            change = leave_as_bot(connection, room_id, webhook.user_id, now_ms=now_ms)
            return WebhookRemoved(webhook, change)

        return await self._database.write("webhooks.remove", operation)


def _webhook(row: Row) -> Webhook:
    values = (*row[:5], rfc3339(row[5]))
    return Webhook(*values)
