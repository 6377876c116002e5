"""/rooms/{id}/webhooks: make, list and remove the webhooks of a room. /hooks/{token}: post a message by one."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import parse_qs

from chat.errors import ChatError, invalid
from chat.request_inputs.bots import AddWebhook, WebhookMessage
from chat.request_results.bots import NewWebhook, WebhookListing, WebhookPosted
from chat.webhooks import Webhooks
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import MODERATES, Operation
from limits.contract import Check
from limits.load_shedding import ShedClass
from store.errors import StoreError

ADD_WEBHOOK = InputDecoder(AddWebhook)
MESSAGE = InputDecoder(WebhookMessage)
FORM = "application/x-www-form-urlencoded"
FORM_FIELDS_MAX = 100
PAYLOAD_FORM = {
    "type": "object",
    "required": ["payload"],
    "properties": {"payload": {"type": "string", "contentMediaType": "application/json", "format": "slack-payload"}},
}


class WebhooksHandler(Handler[Webhooks]):
    operations: ClassVar = {
        "GET": Operation(summary="List a room's webhooks", replies={200: WebhookListing}, errors=MODERATES),
        "POST": Operation(
            summary="Make a webhook for a room",
            body=ADD_WEBHOOK,
            replies={201: NewWebhook},
            errors=(*MODERATES, "room_full", "conflict"),
            example={"name": "Builds"},
        ),
    }
    counts_itself = ("POST",)

    async def get(self, room_id: str) -> None:
        self.reply(WebhookListing(await self.services.list(room_id, self.actor)))

    async def post(self, room_id: str) -> None:
        body = await self.countable_body(ADD_WEBHOOK)
        await self.count(self.common_check, Check("joins", self.identity.user.id))
        self.reply(await self.services.add(room_id, self.actor, body), 201)


class OneWebhookHandler(Handler[Webhooks]):
    operations: ClassVar = {
        "DELETE": Operation(summary="Remove a webhook", replies={204: None}, errors=(*MODERATES, "not_found"))
    }

    async def delete(self, room_id: str, webhook_id: str) -> None:
        await self.services.remove(room_id, webhook_id, self.actor)
        self.reply_nothing()


class HookHandler(Handler[Webhooks]):
    """Takes a message as Slack's senders send it. The token in the path is the only credential."""

    operations: ClassVar = {
        "POST": Operation(
            summary="Post a message by a webhook",
            body=MESSAGE,
            other_bodies={FORM: PAYLOAD_FORM},
            replies={200: WebhookPosted},
            errors=("not_found", "muted", "forbidden"),
            example={"text": "Build 7 is done"},
        )
    }
    is_public = True
    has_secret_path = True
    counts_itself = ("POST",)
    sheds: ClassVar = {"POST": ShedClass.MESSAGES}

    async def post(self, token: str) -> None:
        try:
            webhook = await self.services.find(token)
        except StoreError:
            await self.count(self.common_check)
            raise
        if webhook is None:
            await self.count(self.common_check)
            raise ChatError("not_found")
        await self.count(Check("messages", f"hook:{webhook.id}"))
        self.reply(await self.services.post(self.client, webhook, self._message()))

    def _message(self) -> WebhookMessage:
        """Decode JSON, or a form whose field `payload` is JSON. Raises ChatError malformed, validation_failed."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        raw = self.raw_body
        # curl's -d says that it sends a form, whatever it sends
        if kind != FORM or raw.lstrip().startswith(b"{"):
            return self.body(MESSAGE)
        try:
            form = parse_qs(raw.decode("ascii"), errors="strict", max_num_fields=FORM_FIELDS_MAX)
        except ValueError as error:
            raise ChatError("malformed") from error
        if "payload" not in form:
            raise invalid(payload="is required")
        return MESSAGE.decode(form["payload"][-1].encode())
