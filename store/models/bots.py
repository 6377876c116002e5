"""Bots and incoming webhooks: users who are no persons, each with one room. Owns no behaviour."""

from __future__ import annotations

from msgspec import Struct

from store.models.people import User
from store.models.rooms import MembershipChange

BOTS_PER_ROOM_MAX = 20

WEBHOOKS_PER_ROOM_MAX = 20

# The end of a bot's login, which has none: the last second of the year 9999, the last that RFC 3339 can write.
NEVER_MS = 253_402_300_799_000

# How long the login of a removed bot is kept, so that every process finds that it was revoked.
REVOKED_KEEP_MS = 3_600_000


class BotDraft(Struct, frozen=True):
    """A bot to be made. The caller chooses the id of its user (store/ids.py), so that it can fence what is cached.

    `session_id` is the id of the login that the bot's token is good for.
    """

    user_id: str
    username: str
    session_id: str


class Bot(Struct, frozen=True):
    """A bot that stands. `created_by` is a user id."""

    user: User
    room_id: str
    session_id: str
    created_by: str
    created_at: str


class WebhookDraft(Struct, frozen=True):
    """A webhook to be made, and the user as which it posts. `token_hash` is the hexadecimal SHA-256 of its token."""

    user_id: str
    username: str
    name: str
    token_hash: str


class Webhook(Struct, frozen=True, rename="camel"):
    """A webhook that stands. `created_by` is a user id."""

    id: str
    room_id: str
    user_id: str
    name: str
    created_by: str
    created_at: str


class BotAdded(Struct, frozen=True):
    """A new bot, and the beginning of its membership."""

    bot: Bot
    change: MembershipChange


class WebhookAdded(Struct, frozen=True):
    """A new webhook, and the beginning of its user's membership."""

    webhook: Webhook
    change: MembershipChange


class BotRemoved(Struct, frozen=True):
    """The bot as it was, and the end of its membership."""

    bot: Bot
    change: MembershipChange


class WebhookRemoved(Struct, frozen=True):
    """The webhook as it was, and the end of its user's membership."""

    webhook: Webhook
    change: MembershipChange
