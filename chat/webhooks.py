"""The use cases of incoming webhooks: make one, list them, remove one; and post a message by the token of one."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator

from chat.errors import ChatError, as_refusal
from chat.member_moderation import require_moderated_room
from chat.membership_reader import members_among
from chat.membership_updates import MembershipUpdates
from chat.messages import Messages
from chat.profiles import Profiles
from chat.request_context import RequestContext
from chat.request_inputs.bots import AddWebhook, WebhookMessage
from chat.request_inputs.messages import SendMessage
from chat.request_results.bots import NewWebhook, WebhookPosted, WebhookView
from chat.secret_tokens import hash_of, new_webhook_token
from store.contract import Store
from store.errors import Missing, Refused, Taken
from store.ids import make_id
from store.models import Actor, Webhook, WebhookDraft

NAME_TRIES = 4
_NOT_IN_USERNAMES = re.compile(r"[^A-Za-z0-9_.]+")
# Refusals that tell that the webhook's user is no member any more, or that its room is gone
_ENDED = {"room_not_found", "not_member", "banned"}


class Webhooks:
    """Makes and removes webhooks, which moderators of their rooms may do, and posts as their users."""

    def __init__(
        self,
        *,
        store: Store,
        membership_updates: MembershipUpdates,
        messages: Messages,
        profiles: Profiles,
        is_listed: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._membership_updates = membership_updates
        self._messages = messages
        self._profiles = profiles
        self._is_listed = is_listed

    async def add(self, room_id: str, actor: Actor, body: AddWebhook) -> NewWebhook:
        """Make a webhook, and the user as which it posts, named after it.

        Raises ChatError room_not_found, conflict (no name is free); Refused not_member, forbidden, conflict (the room
        has all that it may have); RoomFull; StoreError.
        """
        await require_moderated_room(self._store, actor, room_id)
        token, user_id = new_webhook_token(), make_id("u")
        for username in usernames_for(body.name):
            if self._is_listed(username):
                continue
            draft = WebhookDraft(user_id, username, body.name, hash_of(token))
            try:
                async with self._membership_updates.fenced(room_id, user_id):
                    added = await self._store.webhooks.add(room_id, actor, draft)
            except Taken:
                continue
            await self._membership_updates.publish_began(added.change, user_id)
            return NewWebhook(added.webhook.id, f"/hooks/{token}")
        raise ChatError("conflict", "No user name like this one is free.")

    async def list(self, room_id: str, actor: Actor) -> list[WebhookView]:
        """Return the webhooks of a room, the oldest first. Raises ChatError room_not_found; Refused; StoreError."""
        await require_moderated_room(self._store, actor, room_id)
        webhooks = await self._store.webhooks.list(room_id)
        members = await members_among(self._store.members.standings, room_id, [one.user_id for one in webhooks])
        return [
            WebhookView(one.id, one.name, one.user_id, one.created_at, one.created_by, one.user_id in members)
            for one in webhooks
        ]

    async def remove(self, room_id: str, webhook_id: str, actor: Actor) -> None:
        """Remove a webhook. Raises ChatError room_not_found; Missing("webhook"); Refused; StoreError."""
        await require_moderated_room(self._store, actor, room_id)
        found = next((one for one in await self._store.webhooks.list(room_id) if one.id == webhook_id), None)
        if found is None:
            raise Missing("webhook")
        user_id = found.user_id
        async with self._membership_updates.fenced(room_id, user_id):
            removed = await self._store.webhooks.remove(room_id, webhook_id, actor)
        await self._membership_updates.publish_ended(removed.change, user_id, "removed")

    async def find(self, token: str) -> Webhook | None:
        """Return the webhook of a token; None if it is unknown or was revoked. Raises StoreError.

        It is not cached: what strangers make up would drive out what is needed, and a message costs more than the read.
        """
        return await self._store.webhooks.by_token(hash_of(token))

    async def post(self, address: str, webhook: Webhook, body: WebhookMessage) -> WebhookPosted:
        """Post a message as the webhook's user; `address` is the sender's.

        Raises ChatError not_found where the webhook's room or membership is gone, and what Messages.post raises.
        """
        author = await self._profiles.find(webhook.user_id)
        if author is None:
            raise ChatError("not_found")
        context = RequestContext(address, "rest", author)
        try:
            posted = await self._messages.post(context, SendMessage(room_id=webhook.room_id, content=body.text))
        except (ChatError, Refused) as error:
            refusal = as_refusal(error)
            if refusal is not None and refusal.code in _ENDED:
                raise ChatError("not_found") from error
            raise
        return WebhookPosted(posted.message)


def usernames_for(name: str) -> Iterator[str]:
    """User names like the name of a webhook, the likest first; the others end in four random characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem = _NOT_IN_USERNAMES.sub("-", plain).strip("-.")[:27].strip("-.")
    if len(stem) < 3:
        stem = f"hook-{stem}".strip("-")
    yield stem
    for _ in range(NAME_TRIES):
        yield f"{stem}-{secrets.token_hex(2)}"
