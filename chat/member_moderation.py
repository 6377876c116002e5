"""The use cases of moderators about members: give a role, mute, remove."""

from __future__ import annotations

from collections.abc import Callable

from chat.administrators import Administrators
from chat.errors import ChatError
from chat.membership_updates import MembershipUpdates
from chat.outsiders import banned_are_told
from chat.request_results.moderation import ModeratedMember
from chat.rooms import PresenceReader
from store.contract import Store
from store.models import Actor, MembershipChange, Role, Room, User
from store.room_rules import require_moderator


class MemberModeration:
    """What moderators do to members. The rules are asked within the writes (store/room_rules.py).

    All methods raise ChatError user_not_found, forbidden; StoreError, Refused among them.
    """

    def __init__(
        self,
        *,
        store: Store,
        membership_updates: MembershipUpdates,
        administrators: Administrators,
        presence: PresenceReader,
    ) -> None:
        self._store = store
        self._membership_updates = membership_updates
        self._administrators = administrators
        self._presence = presence

    async def set_role(self, actor: Actor, room_id: str, user_id: str, role: Role) -> ModeratedMember:
        """Give a member a role; a new owner takes the room over. Raises ChatError conflict where that is a bot, too."""
        target = await self.target(actor, room_id, user_id)
        if role is Role.OWNER and target.is_bot:
            raise ChatError("conflict", "A bot cannot own a room.")
        async with self._membership_updates.fenced(room_id, user_id):
            change = await self._store.moderation.set_role(room_id, user_id, role, actor=actor)
        await self._membership_updates.publish_changed(change, user_id)
        return self._member(target, change)

    async def mute(self, actor: Actor, room_id: str, user_id: str, until_ms: int | None) -> ModeratedMember:
        """Mute a member until a time in milliseconds since the epoch; None ends a mute."""
        target = await self.target(actor, room_id, user_id)
        self.require_no_administrator(target)
        async with self._membership_updates.fenced(room_id, user_id):
            change = await self._store.moderation.mute(room_id, user_id, until_ms, actor=actor)
        await self._membership_updates.publish_changed(change, user_id)
        return self._member(target, change)

    async def remove(self, actor: Actor, room_id: str, user_id: str) -> None:
        """End somebody's membership."""
        self.require_no_administrator(await self.target(actor, room_id, user_id))
        async with self._membership_updates.fenced(room_id, user_id):
            change = await self._store.moderation.remove(room_id, user_id, actor=actor)
        await self._membership_updates.publish_ended(change, user_id, "removed")

    async def target(self, actor: Actor, room_id: str, user_id: str) -> User:
        """The person whom a moderator acts on. Who is no moderator gets no answer to whether there is such a person."""
        await require_moderated_room(self._store, actor, room_id)
        user = await self._store.users.get(user_id)
        if user is None:
            raise ChatError("user_not_found")
        return user

    def require_no_administrator(self, user: User) -> None:
        """Nobody ranks above an administrator, and only the settings know who is one. Raises ChatError forbidden."""
        if self._administrators.has(user):
            raise ChatError("forbidden")

    def _member(self, user: User, change: MembershipChange) -> ModeratedMember:
        membership = change.membership
        if membership is None:
            raise ChatError("user_not_found")
        return ModeratedMember(
            user_id=user.id,
            username=user.username,
            display_name=user.display_name,
            role=membership.role,
            online=self._presence.is_online(user.id),
            muted_until=membership.muted_until,
        )


async def require_moderated_room(
    store: Store,
    actor: Actor,
    room_id: str,
    *,
    require: Callable[[Room, Actor, Role | None], None] = require_moderator,
) -> None:
    """Return if the actor moderates the room now, by the rule `require` of store/room_rules.py.

    Raises ChatError room_not_found, not_member, banned; StoreError, Refused among them.
    """
    standing = await store.rooms.get_for(room_id, actor.user_id)
    if standing is None:
        raise ChatError("room_not_found")
    async with banned_are_told(store, room_id, actor.user_id):
        require(standing.room, actor, None if standing.membership is None else standing.membership.role)
