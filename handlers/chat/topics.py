"""The bus topics: what a process listens to for the rooms and the people it has connections for."""

from __future__ import annotations

EVERYONE = "all"  # every process listens to it: revoked sessions, memberships, who is connected where, which processes live


def room_topic(room_id: str) -> str:
    return f"room:{room_id}"


def user_topic(user_id: str) -> str:
    return f"user:{user_id}"
