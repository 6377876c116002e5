"""What moderators see of a room: what every store backend guarantees for it.

The package says what holds for all.
"""

from __future__ import annotations

from typing import Protocol

from store.models import Actor, AuditEntry, MembershipChange, Role


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


class AuditTrail(Protocol):
    """What was done in a room by its moderators. An entry is written with the act itself: both are durable, or neither.

    A room keeps its AUDIT_MAX newest entries, each for AUDIT_KEEP_MS. The caller checks who may read.
    """

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[AuditEntry], str | None]:
        """Entries, the newest first. Cursors as in Rooms.list_for."""
