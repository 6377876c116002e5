"""Invite links: what every store backend guarantees for them.

The package says what holds for all. A link is good until it expires, is used up or revoked, or its room is deleted;
afterwards it is Missing("invite"), as one that never was. One that is used up is kept for a day all the same, for its
last use may be given back: until then it can be revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.models import Actor, Invite, InviteChange, MembershipChange


class Invites(Protocol):
    """Invite links of rooms. Of those with `maxUses` never more uses are taken, also under concurrent calls."""

    async def create(
        self, room_id: str, code: str, *, actor: Actor, max_uses: int | None, expires_in_ms: int | None
    ) -> InviteChange:
        """Store a link, with an entry in the room's changes log and one in its audit trail, which have no code.

        Raises Missing("room"); Refused as room_rules.require_inviter says, forbidden too in an archived room, conflict
        where the room has INVITES_PER_ROOM_MAX links that are good.
        """

    async def list(self, room_id: str, *, actor: Actor) -> Sequence[Invite]:
        """The links of a room that are good, the newest first: all for a moderator, else the actor's own.

        Raises Missing("room"), Refused: room_not_found, not_member.
        """

    async def revoke(self, room_id: str, code: str, *, actor: Actor) -> int:
        """Remove a link: its maker, as a member, or a moderator may. Returns the rev of the room's entry about it.

        Raises Missing("room" or "invite"), Refused: room_not_found, not_member, forbidden.
        """

    async def find(self, code: str, *, member_id: str | None = None) -> Invite | None:
        """A link that is good, or that is only used up if `member_id` is a member of its room."""

    async def use(self, code: str, user_id: str) -> MembershipChange:
        """Make a user a member by a link. A use is taken only if the membership begins with it: for a member, also a
        link that is used up changes nothing, since its last use may have been theirs.

        Raises Missing("invite"), and as Members.add.
        """

    async def claim(self, code: str) -> Invite:
        """Take a use for somebody who is no user yet.

        Raises Missing("invite"), Refused: forbidden (an archived room), RoomFull.
        """

    async def release(self, code: str) -> None:
        """Give a claimed use back."""
