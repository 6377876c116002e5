"""The ends of memberships, as entries of the changes log, and who owns a room after its owner.

The document of a membership that ended is kept for a day, with `left` set: a late repetition of the join, by a process
that was stopped meanwhile, finds a greater rev there and has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from store.models import AuditNote, MembershipChange, Role
from store.mongo.apply_change import TOMBSTONE_MS
from store.mongo.database import Document, epoch_ms, stored_time
from store.mongo.documents import room_from
from store.mongo.room_at_rev import BanPatch, MemberPatch, ReadSet, RoomView

# The next owner: another owner if there is one, else a moderator, else a member; of equals the longest-standing.
_SUCCESSION = (Role.OWNER, Role.MODERATOR, Role.MEMBER)


class Ending(Struct, frozen=True):
    """What an entry writes that ends a membership, or a bot's role; `promoted`: the ids of who becomes owner by it."""

    settings: Document
    members: Sequence[MemberPatch]
    promoted: tuple[str, ...]


NO_ENDING = Ending({}, (), ())


async def end_membership(view: RoomView, member: Document) -> Ending:
    """What the end of this membership writes. The document is kept for a day, and as long as a mute that goes on."""
    user_id = member["userId"]
    kept_until_ms = max(int(view.now) + TOMBSTONE_MS, epoch_ms(member.get("mutedUntil")) or 0)
    gone = MemberPatch(user_id, {"left": True, "expiresAt": stored_time(kept_until_ms)})
    then = await succession(view, user_id) if member["role"] == Role.OWNER else NO_ENDING
    settings = {"memberCount": view.room["memberCount"] - 1, **then.settings}
    return Ending(settings, (gone, *then.members), then.promoted)


async def succession(view: RoomView, owner_id: str) -> Ending:
    """What gives the room another owner in the place of this one, none where no other person is a member."""
    successor = await view.successor(_SUCCESSION, without=owner_id)
    settings: Document = {}
    if view.room.get("ownerId") == owner_id:
        settings["ownerId"] = None if successor is None else successor["userId"]
    if successor is None or successor["role"] == Role.OWNER:
        return Ending(settings, (), ())
    return Ending(settings, (MemberPatch(successor["userId"], {"role": Role.OWNER.value}),), (successor["userId"],))


def record_end(
    view: RoomView, ending: Ending, *, bans: Sequence[BanPatch] = (), audit: AuditNote | None = None
) -> MembershipChange:
    """Record the entry of an ending, and what else it does. Returns the end of the membership."""
    rev = view.record(settings=ending.settings, members=ending.members, bans=bans, audit=audit)
    return MembershipChange(
        room=room_from(view.room),
        membership=None,
        changed=True,
        rev=rev,
        user_ids_promoted=ending.promoted,
        has_new_owner="ownerId" in ending.settings,
    )


class Leave:
    """The change that ends a membership and promotes a successor if an owner leaves."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self.read_set = ReadSet(members=(user_id,))

    async def run(self, view: RoomView) -> MembershipChange:
        member = view.member(self._user_id)
        if member is None:
            room = room_from(view.room)
            return MembershipChange(room=room, membership=None, changed=False, rev=room.rev)
        return record_end(view, await end_membership(view, member))
