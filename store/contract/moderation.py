"""What moderators see of a room: what every store backend guarantees for it.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from store.models import Actor, AuditEntry, Ban, BanChange, MembershipChange, Message, Report, Role


class Moderation(Protocol):
    """What moderators do to others. Each act is one entry in the room's changes log and one in its audit trail.

    All raise Missing("room"), and Refused where room_rules forbids it, asked within the write.
    """

    async def set_role(self, room_id: str, user_id: str, role: Role, *, actor: Actor) -> MembershipChange:
        """Give a member a role. A new owner replaces the former one, who becomes moderator, in the same change.

        The rule is require_owner. `changed` is False where the member has the role. Raises Missing("user") for a
        non-member, Refused(CONFLICT) where the room's owner is to become less.
        """

    async def mute(self, room_id: str, user_id: str, until_ms: int | None, *, actor: Actor) -> MembershipChange:
        """Mute a member until a time, in milliseconds since the epoch; None, or a time that is past, ends a mute.

        The rule is require_authority_over. `changed` is False where that is so already. Raises Missing("user") for a
        non-member.
        """

    async def remove(self, room_id: str, user_id: str, *, actor: Actor) -> MembershipChange:
        """End somebody's membership, as Members.remove does.

        The rule is require_authority_over. Raises Missing("user") for a non-member.
        """


class Bans(Protocol):
    """Who may not become a member of a room. Members.add, and whatever else makes somebody one, asks for it within its
    write, so that of a ban and a join one comes first. A ban that has expired counts for nothing.
    """

    async def add(
        self, room_id: str, user_id: str, *, reason: str | None, expires_at_ms: int | None, actor: Actor
    ) -> BanChange:
        """Ban somebody, member or not, until a time in milliseconds since the epoch, None: without end.

        It ends their membership in the same write, and replaces an earlier ban. One entry in the changes log and one in
        the audit trail. Raises Missing("room", "user"), Refused by room_rules.require_authority_over, and with CONFLICT
        where the room has BANS_MAX.
        """

    async def lift(self, room_id: str, user_id: str, *, actor: Actor) -> BanChange:
        """End a ban; it makes nobody a member. `changed` is False for somebody who is not banned.

        Raises Missing("room"), Refused by room_rules.require_moderator.
        """

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Ban], str | None]:
        """The bans of a room, the newest first. Cursors as in Rooms.list_for. The caller checks who may read."""

    async def among(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """For each (room id, user id), in order, whether the user is banned from the room. One query."""


class Reports(Protocol):
    """Messages that were reported to the moderators of their room. Each is kept for REPORT_KEEP_MS."""

    async def add(self, message: Message, by_id: str, reason: str) -> bool:
        """Store a report with the message as it is passed. False, and nothing stored, where the person has reported it.

        The caller checks who may read the message. Raises Refused, with CONFLICT, where the room has REPORTS_MAX, or
        REPORTS_OF_ONE_MAX of this person.
        """

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Report], str | None]:
        """The reports of a room, the newest first. Cursors as in Rooms.list_for. The caller checks who may read."""


class AuditTrail(Protocol):
    """What was done in a room by its moderators. An entry is written with the act itself: both are durable, or neither.

    A room keeps its AUDIT_MAX newest entries, each for AUDIT_KEEP_MS. The caller checks who may read.
    """

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[AuditEntry], str | None]:
        """Entries, the newest first. Cursors as in Rooms.list_for."""
