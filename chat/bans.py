"""The use cases of bans: who may not become a member of a room."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from chat.errors import cursor_of_listing
from chat.member_moderation import MemberModeration, require_moderated_room
from chat.membership_updates import MembershipUpdates
from chat.outsiders import banned_are_told
from chat.presenter import Presenter
from chat.request_inputs.moderation import BanSomebody
from chat.request_inputs.rooms import Listing
from chat.request_results.moderation import BanPage
from common.rfc3339 import rfc3339
from store.contract import Store
from store.models import Actor, Ban, BanChange


class Bans:
    """What moderators do about bans. The rules are asked within the writes. `now_ms` is the wall clock."""

    def __init__(
        self,
        *,
        store: Store,
        membership_updates: MembershipUpdates,
        member_moderation: MemberModeration,
        presenter: Presenter,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._membership_updates = membership_updates
        self._member_moderation = member_moderation
        self._presenter = presenter
        self._now_ms = now_ms

    async def add(self, actor: Actor, room_id: str, user_id: str, body: BanSomebody) -> Ban:
        """Ban somebody, and end their membership.

        Raises ChatError room_not_found, user_not_found, forbidden; StoreError, Refused among them.
        """
        target = await self._member_moderation.target(actor, room_id, user_id)
        self._member_moderation.require_no_administrator(target)
        expires_at_ms = None if body.expires_in is None else self._now_ms() + body.expires_in * 1000
        async with self._membership_updates.fenced(room_id, user_id):
            change = await self._store.bans.add(
                room_id, user_id, reason=body.reason, expires_at_ms=expires_at_ms, actor=actor
            )
        if change.membership is not None:
            await self._membership_updates.publish_ended(change.membership, user_id, "banned")
        else:
            self._publish(change)
        expires_at = None if expires_at_ms is None else rfc3339(expires_at_ms)
        return Ban(self._presenter.user(target), actor.user_id, body.reason, expires_at)

    async def lift(self, actor: Actor, room_id: str, user_id: str) -> None:
        """End a ban, if there is one. Raises StoreError, Refused among them."""
        outsiders = banned_are_told(self._store, room_id, actor.user_id)
        async with outsiders, self._membership_updates.fenced(room_id, user_id):
            change = await self._store.bans.lift(room_id, user_id, actor=actor)
        self._publish(change)

    async def page(self, actor: Actor, room_id: str, query: Listing) -> BanPage:
        """A page of the room's bans, the newest first.

        Raises ChatError room_not_found, not_member, banned, validation_failed (the cursor); Refused, StoreError.
        """
        await require_moderated_room(self._store, actor, room_id)
        with cursor_of_listing():
            bans, cursor = await self._store.bans.page(room_id, limit=query.limit, after=query.cursor)
        return BanPage([structs.replace(ban, user=self._presenter.user(ban.user)) for ban in bans], cursor)

    def _publish(self, change: BanChange) -> None:
        if change.changed:
            self._membership_updates.publish_rev(change.room.id, change.rev)
