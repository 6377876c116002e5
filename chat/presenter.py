"""Results that depend on the asking user or on presence: rooms with a membership, users with their status."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from chat.request_results.people import OwnUser
from chat.request_results.rooms import OwnRoomView, RoomView
from store.models import Membership, Room, Status, User

StatusOf = Callable[[str, Status], Status]
OnlineCount = Callable[[str], int]


class Presenter:
    """Builds results. `status_of(user_id, chosen status)` and `online_count(room_id)` come from presence."""

    def __init__(self, *, status_of: StatusOf, online_count: OnlineCount) -> None:
        self._status_of = status_of
        self._online_count = online_count

    def user(self, user: User) -> User:
        """Return the user with the status that others see: offline while not connected."""
        shown = self._status_of(user.id, user.status)
        return structs.replace(user, status=shown, status_rev=0, bot_room_id=None)

    def own_user(self, user: User, email: str) -> OwnUser:
        """Return a user as that user alone sees it: with the email address."""
        return OwnUser(**structs.asdict(self.user(user)), email=email)

    def room(self, room: Room, membership: Membership | None, peer: User | None = None) -> RoomView:
        """Return the room; for a member, with the member's own state in it, and the `peer` of a direct room."""
        online_count = self._online_count(room.id)
        if membership is None:
            return RoomView(*(*structs.astuple(room), online_count))
        # By place, as the classes inherit their fields: by name each room of a page took twice as long
        values = (
            *structs.astuple(room),
            online_count,
            membership.role,
            membership.read_seq,
            membership.unread_count,
            membership.mention_count,
            membership.muted_until,
            None if peer is None else self.user(peer),
        )
        return OwnRoomView(*values)


def at_head(room: Room, membership: Membership | None, *, seq: int, rev: int) -> tuple[Room, Membership | None]:
    """Return a cached room and membership brought up to these heads, which move with every message."""
    if membership is not None:
        unread = max(seq - membership.read_seq, 0)
        if unread != membership.unread_count:
            membership = structs.replace(membership, unread_count=unread)
    if room.last_seq != seq or room.rev != rev:
        room = structs.replace(room, last_seq=seq, rev=rev)
    return room, membership
