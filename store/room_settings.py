"""What a change of a room's settings makes of the room, for every backend. Pure: reads nothing and writes nothing."""

from __future__ import annotations

from msgspec.structs import replace

from store.errors import Refused
from store.models import Refusal, Room, RoomPatch

# The fields that are set as they come.
_FIELDS = ("name", "is_private", "max_users", "slow_mode_s")


def patched(room: Room, patch: RoomPatch, *, now: str) -> Room:
    """The room with the settings of the patch; an equal one if no value differs. `now` is an RFC 3339 time.

    Raises Refused: forbidden where the room is archived and stays so, conflict where `max_users` is less than its
    members.
    """
    fields = {name: value for name in _FIELDS if (value := getattr(patch, name)) is not None}
    if patch.description is not False:
        fields["description"] = patch.description
    if patch.archived is not None and patch.archived != (room.archived_at is not None):
        fields["archived_at"] = now if patch.archived else None
    after = replace(room, **fields)
    if after == room:
        return room
    if room.archived_at is not None and after.archived_at is not None:
        raise Refused(Refusal.FORBIDDEN)
    if after.max_users < room.member_count and after.max_users != room.max_users:
        raise Refused(Refusal.CONFLICT)
    return after
