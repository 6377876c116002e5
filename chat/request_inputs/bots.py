"""What clients send about bots and webhooks, and what other programs send to a webhook: REST bodies."""

from __future__ import annotations

from chat.request_inputs.fields import Content, Input, RoomName, Username


class AddBot(Input, frozen=True):
    username: Username


class AddWebhook(Input, frozen=True):
    name: RoomName


class WebhookMessage(Input, frozen=True):
    """Slack's form, of which the other fields are ignored."""

    text: Content
