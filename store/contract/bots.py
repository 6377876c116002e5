"""Bots and incoming webhooks: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from typing import Protocol

from store.models import (
    Actor,
    Bot,
    BotAdded,
    BotDraft,
    BotRemoved,
    Webhook,
    WebhookAdded,
    WebhookDraft,
    WebhookRemoved,
)


class Bots(Protocol):
    """Users with a token, each in one room.

    Nobody can log in to the user of a bot: it has no password and no e-mail address. It can be a member of no other
    room (`Members.add` and `Rooms.direct` raise Refused), and has no role but that of a member. Making and removing one
    is an entry in the room's audit trail.
    """

    async def add(self, room_id: str, actor: Actor, draft: BotDraft) -> BotAdded:
        """Store a bot: its user, its login, which does not expire, and its membership.

        Raises Missing("room"), Refused (the actor is no moderator; conflict past BOTS_PER_ROOM_MAX), Taken, RoomFull.
        Nothing is left where it raises; after a StoreTimeout `list` shows what there is.
        """

    async def list(self, room_id: str) -> list[Bot]:
        """The bots of a room, the oldest first."""

    async def remove(self, room_id: str, user_id: str, actor: Actor) -> BotRemoved:
        """Revoke the bot's login and end its membership. Its user stays, for its messages; it can be in no room.

        It is an entry of the room's changes log, also where somebody had ended the membership before.

        Raises Missing("room" or "bot"), Refused. It can be repeated after an error.
        """


class Webhooks(Protocol):
    """Tokens by which messages are posted to a room, each as a user of its own, for whom what `Bots` says holds."""

    async def add(self, room_id: str, actor: Actor, draft: WebhookDraft) -> WebhookAdded:
        """Store a webhook, its user and the user's membership. As Bots.add; the bound is WEBHOOKS_PER_ROOM_MAX."""

    async def list(self, room_id: str) -> list[Webhook]:
        """The webhooks of a room, the oldest first."""

    async def by_token(self, token_hash: str) -> Webhook | None: ...

    async def remove(self, room_id: str, webhook_id: str, actor: Actor) -> WebhookRemoved:
        """Remove the webhook and end its user's membership. As Bots.remove; raises Missing("webhook")."""
