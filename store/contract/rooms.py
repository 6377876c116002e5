"""Rooms and memberships: what every store backend guarantees for them.

The package says what holds for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from store.models import (
    Actor,
    Head,
    Member,
    Membership,
    MembershipChange,
    ReadState,
    Role,
    Room,
    RoomChange,
    RoomDraft,
    RoomPatch,
    RoomStats,
    Standing,
    User,
)


class Rooms(Protocol):
    """Rooms. `last_seq` is the greatest seq among the room's messages, `rev` the greatest in its changes log."""

    async def create(self, draft: RoomDraft, owner_id: str) -> Standing:
        """Store a room with its creator as owner and first member, atomically; lastSeq and rev are 0."""

    async def direct(self, user_id: str, other_id: str) -> tuple[Standing, bool]:
        """The direct room of two users: private, both members, maxUsers 2.

        There is one for each pair, also under a race.

        The second value is True if this call created it. Raises Missing("user"), Refused(FORBIDDEN) where it would have
        to be created and the other has blocked the user.
        """

    async def get(self, room_id: str) -> Room | None: ...

    async def get_for(self, room_id: str, user_id: str) -> Standing | None: ...

    async def list_for(
        self, user_id: str, *, mine: bool, query: str | None, limit: int, after: str | None
    ) -> tuple[list[Standing], str | None]:
        """Rooms the user may see, newest first: their own, and unless `mine` all public ones.

        `query` is a part of the name, in any case. `after` is a cursor that this method returned; raises ValueError
        for anything else. The second value is the next cursor, None at the end.
        """

    async def update(self, room_id: str, actor: Actor, patch: RoomPatch) -> RoomChange:
        """Change settings: one entry, marked as of settings, in the room's changes log if any value differs, and one in
        its audit trail.

        Raises Missing("room"); Refused as room_rules.require_moderator says, forbidden too where the room is archived
        and stays so, conflict where it has more members than the new maxUsers.
        """

    async def delete(self, room_id: str, actor: Actor) -> None:
        """End a room: from now on it is Missing, for everybody and everything, and its id is never used again.

        What belonged to it is removed by `purge`. Raises Missing("room"), Refused as room_rules.require_owner says.
        """

    async def purge(self) -> bool:
        """Remove one slice of what deleted rooms have left. Returns whether there may be more. `Store.sweep` does so
        too.
        """

    async def peers(self, pairs: Sequence[tuple[str, str]]) -> list[User | None]:
        """The other person of the direct room for each (room id, user id), in order.

        None where the room is no direct room of the user. The number of queries is constant.
        """

    async def joined_by(self, user_id: str) -> dict[str, int]:
        """All rooms the user is a member of, each with the room's rev at which they joined."""

    async def names_of(self, user_id: str) -> dict[str, str]:
        """The names of all rooms the user is a member of, by id."""

    async def joined_by_each(self, user_ids: Sequence[str]) -> Mapping[str, dict[str, int]]:
        """`joined_by` of each of these users, in one query."""

    async def stats(self, room_id: str) -> RoomStats | None: ...

    async def member_counts(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        """How many members each of many rooms has, by one query. Rooms that do not exist are left out."""

    async def heads(self, room_ids: Sequence[str]) -> Mapping[str, Head]:
        """Newest seq and rev of many rooms, by one query. Rooms that do not exist are left out."""


class Members(Protocol):
    """Memberships of rooms. Each change of membership is one entry, with message None, in the room's changes log."""

    async def get(self, room_id: str, user_id: str) -> Membership | None: ...

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        """The result of Rooms.get_for for each (room id, user id), in order. The number of queries is constant.

        The room's rev is read no later than the membership: a user shown as non-member was none at that rev or later.
        """

    async def add(
        self, room_id: str, user_id: str, *, role: Role = Role.MEMBER, actor: Actor | None = None
    ) -> MembershipChange:
        """Add a member, with readSeq = lastSeq. `changed` is False for an existing member.

        The person who joins a room that has no owner, for nobody is in it any more, or bots alone, becomes its owner.

        `actor`: who invites them. Whether they may is asked within the write: room_rules.require_inviter, and forbidden
        where the user has blocked them, also for an existing member.

        A room never has more than `maxUsers` members, also under concurrent calls. Raises Missing("room" or "user"),
        RoomFull, Refused: banned, forbidden for a new member of an archived room, and what the `actor` may not.
        """

    async def remove(self, room_id: str, user_id: str) -> MembershipChange:
        """End a membership. If an owner leaves, the longest-standing moderator, else member, becomes owner.

        A mute that has not ended goes on when the person joins again. `changed` is False for a non-member. Raises
        Missing("room").
        """

    async def list(
        self, room_id: str, *, limit: int, after: str | None, prefix: str = ""
    ) -> tuple[list[Member], str | None]:
        """Members by username: those whose username begins with `prefix`, in any case. Cursors as in Rooms.list_for."""

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        """Move readSeq forward to min(seq, lastSeq), never back. Returns None for a non-member."""
