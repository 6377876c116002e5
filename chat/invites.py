"""The use cases of invite links: make, list and revoke them, join a room by one, register with one."""

from __future__ import annotations

import logging
import secrets

from chat.errors import ChatError
from chat.membership_updates import MembershipUpdates
from chat.outsiders import banned_are_told
from chat.presenter import Presenter
from chat.request_inputs.rooms import CreateInvite
from chat.request_results.rooms import InviteListing, InviteView, MadeInvite, RoomView
from store.contract import Store
from store.errors import Missing, Refused, RoomFull
from store.models import Actor, Invite, MembershipChange

log = logging.getLogger(__name__)

CODE_BYTES = 16  # of a cryptographic random source: nobody guesses 128 bits


class Invites:
    """Who has the code of a link may use it. It is compared by the store's index, and never logged."""

    def __init__(self, *, store: Store, membership_updates: MembershipUpdates, presenter: Presenter) -> None:
        self._store = store
        self._membership_updates = membership_updates
        self._presenter = presenter

    async def create(self, room_id: str, actor: Actor, body: CreateInvite) -> MadeInvite:
        """Make a link. Raises StoreError: Missing, Refused, as store.contract.Invites.create says."""
        async with banned_are_told(self._store, room_id, actor.user_id):
            change = await self._store.invites.create(
                room_id,
                secrets.token_urlsafe(CODE_BYTES),
                actor=actor,
                max_uses=body.max_uses,
                expires_in_ms=None if body.expires_in is None else body.expires_in * 1000,
            )
        self._membership_updates.publish_rev(room_id, change.rev)
        return MadeInvite(change.invite.code, _url(change.invite))

    async def list(self, room_id: str, actor: Actor) -> InviteListing:
        """Return the links that are good: all to moderators, their own to other members. Raises StoreError."""
        async with banned_are_told(self._store, room_id, actor.user_id):
            found = await self._store.invites.list(room_id, actor=actor)
        return InviteListing([InviteView(one.code, _url(one), one.uses, one.max_uses, one.expires_at) for one in found])

    async def revoke(self, room_id: str, code: str, actor: Actor) -> None:
        """End a link. Raises StoreError: Missing, Refused, as store.contract.Invites.revoke says."""
        async with banned_are_told(self._store, room_id, actor.user_id):
            rev = await self._store.invites.revoke(room_id, code, actor=actor)
        self._membership_updates.publish_rev(room_id, rev)

    async def use(self, code: str, actor: Actor) -> RoomView:
        """Make the actor a member by a link; a member uses none up, and may follow one that is. Returns the room.

        Raises ChatError not_found, room_not_found; StoreError: Refused (banned, forbidden), RoomFull.
        """
        invite = await self._store.invites.find(code, member_id=actor.user_id)
        if invite is None:
            raise ChatError("not_found")
        async with self._membership_updates.fenced(invite.room_id, actor.user_id, begins=True):
            change = await self._store.invites.use(code, actor.user_id)
        await self._membership_updates.publish_began(change, actor.user_id)
        of = await self._store.rooms.get_for(invite.room_id, actor.user_id)
        if of is None or of.membership is None:
            raise ChatError("room_not_found")
        return self._presenter.room(of.room, of.membership)

    # ---- registering with a link ---------------------------------------------------------------------------------

    async def is_good(self, code: str) -> bool:
        return await self._store.invites.find(code) is not None

    async def claim(self, code: str) -> Invite | None:
        """Take a use for somebody who is about to register; None if the link is not good any more.

        Raises StoreError: Refused (an archived room), RoomFull.
        """
        try:
            return await self._store.invites.claim(code)
        except Missing:
            return None

    async def release(self, invite: Invite) -> None:
        """Give a claimed use back."""
        await self._store.invites.release(invite.code)

    async def enter(self, invite: Invite, user_id: str) -> None:
        """Make somebody who has registered with a claimed use a member. The account stands even if the room does not
        take them any more.
        """
        try:
            async with self._membership_updates.fenced(invite.room_id, user_id, begins=True):
                change: MembershipChange = await self._store.members.add(invite.room_id, user_id)
        except (Missing, Refused, RoomFull) as error:
            log.warning("user %s registered with a link to a room that refused: %s", user_id, error)
            await self.release(invite)
        else:
            await self._membership_updates.publish_began(change, user_id)


def _url(invite: Invite) -> str:
    """The page's address with the code: a path, to which clients put their base."""
    return f"/?invite={invite.code}"
