"""The cached totals of a room: their format, and their update by a commit.

In Redis they are four lines of text, which older processes change in place.
"""

from __future__ import annotations

import msgspec

from cache.value_update import ValueUpdate
from store.models import RoomStats

_NOTHING = b"-"  # there is no such room


def advanced(stats: RoomStats, seq: int, at: str) -> RoomStats:
    """Return the totals after a commit whose newest message has this seq and time.

    Seqs have no holes, so the greatest seq is the number of messages.
    """
    return stats if seq <= stats.message_count else msgspec.structs.replace(stats, message_count=seq, last_activity=at)


def advance(seq: int, at: str) -> ValueUpdate[RoomStats | None]:
    """The update by a commit whose newest message has this seq and time (RFC 3339)."""
    return ValueUpdate(lambda stats: stats and advanced(stats, seq, at))


def pack(stats: RoomStats | None) -> bytes:
    """Encode the totals as one string; None stands for a room that does not exist."""
    if stats is None:
        return _NOTHING
    return f"{stats.participant_count}\n{stats.message_count}\n{stats.last_activity}\n{stats.room_id}".encode()


def unpack(packed: bytes) -> RoomStats | None:
    """Decode totals. Raises ValueError for a string that `pack` cannot have made."""
    if packed == _NOTHING:
        return None
    people, count, at, room_id = packed.decode().split("\n", 3)
    return RoomStats(room_id=room_id, participant_count=int(people), message_count=int(count), last_activity=at)
