"""The topics of the bus, one for each room and user that a process has connections for, and the order of UserEvents."""

from __future__ import annotations

from store.models import ReadState

# Every process subscribes to it: revoked sessions, memberships, who is connected where, heartbeats
EVERYONE = "all"
# As EVERYONE, of cached values that were invalidated
CACHE = "cache"


def room_topic(room_id: str) -> str:
    return f"room:{room_id}"


def user_topic(user_id: str) -> str:
    return f"user:{user_id}"


def membership_order(room_id: str, rev: int, *, began: bool) -> tuple[str, tuple[int, int]]:
    """Return `about` and `order` of a UserEvent about a membership.

    Of two events with one rev the end is newer: a membership that ends by a rev began at that rev or before.
    """
    return f"member:{room_id}", (rev, 0 if began else 1)


def reading_order(state: ReadState) -> tuple[str, tuple[int, int]]:
    """Return `about` and `order` of a UserEvent about a read position: it never goes back, and of two events with equal
    positions the one with the higher head is newer.
    """
    return f"read:{state.room_id}", (state.read_seq, state.read_seq + state.unread_count)
