"""The record of one connected person."""

from __future__ import annotations

import asyncio

from store.models import Status


class Person:
    """A user with a connection to any process, or within the grace period after the last one.

    `connections` and `grace_timer` are of this process. `holders` are the other processes that the user is connected
    to, each with the number of the fact that said so. `rooms` are the rooms that the user is a member of, each with the
    rev at which the membership began; `has_rooms` is False until all of them are known.
    """

    __slots__ = (
        "connections",
        "grace_timer",
        "has_rooms",
        "holders",
        "rooms",
        "status",
        "status_rev",
        "user_id",
        "username",
    )

    def __init__(self, user_id: str, username: str, status: Status, status_rev: int) -> None:
        self.user_id = user_id
        self.username = username
        self.status = status
        self.status_rev = status_rev
        self.connections = 0
        self.holders: dict[str, int] = {}
        self.rooms: dict[str, int] = {}
        self.has_rooms = False
        self.grace_timer: asyncio.TimerHandle | None = None

    @property
    def is_local(self) -> bool:
        """Whether this process counts the person as connected to it; the grace period counts."""
        return self.connections > 0 or self.grace_timer is not None
