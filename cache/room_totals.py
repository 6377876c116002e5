"""A room's totals as they are cached: in Redis four lines that a script can take a commit into (`lua/advance.lua`)."""

from __future__ import annotations

import msgspec

from store.models import RoomStats

_NOTHING = b"-"  # there is no such room


def advanced(stats: RoomStats, seq: int, at: str) -> RoomStats:
    """The totals with a commit whose newest message has this seq and time: seqs have no holes, so the greatest is their
    number.
    """
    return stats if seq <= stats.message_count else msgspec.structs.replace(stats, message_count=seq, last_activity=at)


def pack(stats: RoomStats | None) -> bytes:
    """The totals as one string."""
    if stats is None:
        return _NOTHING
    return f"{stats.participant_count}\n{stats.message_count}\n{stats.last_activity}\n{stats.room_id}".encode()


def unpack(packed: bytes) -> RoomStats | None:
    """Raises ValueError for what `pack` cannot have made."""
    if packed == _NOTHING:
        return None
    people, count, at, room_id = packed.decode().split("\n", 3)
    return RoomStats(room_id=room_id, participant_count=int(people), message_count=int(count), last_activity=at)
