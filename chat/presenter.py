"""The shapes that depend on who asks or who is here: rooms with a membership, users with their presence, one's own
account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chat.protocol import builtins
from store.models import Membership, Room, Status, User

StatusOf = Callable[[str, Status], Status]
OnlineCount = Callable[[str], int]


class Presenter:
    """Builds what clients see. `status_of(user_id, chosen)` and `online_count(room_id)` come from presence."""

    def __init__(self, *, status_of: StatusOf, online_count: OnlineCount) -> None:
        self._status_of = status_of
        self._online_count = online_count

    def user(self, user: User) -> User:
        """The user with the status that others see: offline while not connected."""
        shown = self._status_of(user.id, user.status)
        return msgspec.structs.replace(user, status=shown, status_rev=0)

    def own_user(self, user: User, email: str) -> dict[str, Any]:
        """One's own user, with the email address."""
        own: dict[str, Any] = builtins(self.user(user))
        return own | {"email": email}

    def room(self, room: Room, membership: Membership | None) -> dict[str, Any]:
        """The room, and to a member their own state in it."""
        view: dict[str, Any] = builtins(room)
        view["onlineCount"] = self._online_count(room.id)
        if membership is not None:
            view.update(builtins(msgspec.structs.replace(membership, joined_rev=0)))
        return view


def at_head(room: Room, membership: Membership | None, *, seq: int, rev: int) -> tuple[Room, Membership | None]:
    """A room that was cached, as it is at these heads: they move with every message, the rest does not."""
    if membership is not None:
        unread = max(seq - membership.read_seq, 0)
        if unread != membership.unread_count:
            membership = msgspec.structs.replace(membership, unread_count=unread)
    if room.last_seq != seq or room.rev != rev:
        room = msgspec.structs.replace(room, last_seq=seq, rev=rev)
    return room, membership
