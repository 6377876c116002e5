"""The bus topics: what a process listens to for the rooms and the people it has connections for.

And what events to one user are about.
"""

from __future__ import annotations

from store.models import ReadState

# Every process listens to it: revoked sessions, memberships, who is connected where, which processes live
EVERYONE = "all"


def room_topic(room_id: str) -> str:
    return f"room:{room_id}"


def user_topic(user_id: str) -> str:
    return f"user:{user_id}"


def membership_order(room_id: str, rev: int, *, began: bool) -> tuple[str, tuple[int, int]]:
    """`about` and `order` of a UserEvent that tells of a membership.

    What ended by a rev had begun at it at the latest.
    """
    return f"member:{room_id}", (rev, 0 if began else 1)


def reading_order(state: ReadState) -> tuple[str, tuple[int, int]]:
    """`about` and `order` of a UserEvent that tells how far somebody has read: never back, and of equals the one with
    the newer head.
    """
    return f"read:{state.room_id}", (state.read_seq, state.read_seq + state.unread_count)
