"""What use cases return about bots and webhooks."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from chat.request_results.messages import EncodedMessage
from store.models import User


class NewBot(Struct, frozen=True):
    """A bot that was just made, with its token, which is not shown again."""

    user: User
    token: str


class BotView(Struct, frozen=True, rename="camel"):
    """A bot as moderators see it; `created_by` is a user id. `is_member`: False once it was removed or banned."""

    user: User
    created_at: str
    created_by: str
    is_member: bool


class BotListing(Struct, frozen=True):
    """The bots of a room."""

    bots: list[BotView]


class NewWebhook(Struct, frozen=True):
    """A webhook that was just made, with the path that messages are posted to, which is not shown again."""

    id: str
    url: str


class WebhookView(Struct, frozen=True, rename="camel"):
    """A webhook as moderators see it; `created_by` and `user_id` are user ids.

    `is_member`: False once its user was removed or banned; then nothing can be posted.
    """

    id: str
    name: str
    user_id: str
    created_at: str
    created_by: str
    is_member: bool


class WebhookListing(Struct, frozen=True):
    """The webhooks of a room."""

    webhooks: list[WebhookView]


class WebhookPosted(Struct, frozen=True):
    """The answer to a message by a webhook: the stored message, encoded.

    `ok` is what Slack's senders look for in a JSON answer.
    """

    message: EncodedMessage
    ok: Literal[True] = True
