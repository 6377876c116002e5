"""What travels on the bus. `event` and `events` are encoded once, by the publisher; nothing here decodes them."""

from __future__ import annotations

from msgspec import Struct


class RoomMessages(Struct, frozen=True):
    """Messages that one commit stored in a room: encoded, with consecutive seq from `first_seq`."""

    room_id: str
    first_seq: int
    events: tuple[bytes, ...]


class RoomChanges(Struct, frozen=True):
    """Changes of a room in rev order: (rev, encoded event), None where the rev has no event (membership)."""

    room_id: str
    changes: tuple[tuple[int, bytes | None], ...]


class RoomEphemeral(Struct, frozen=True):
    """What is true for a moment (typing, presence): not stored, may be dropped. `not_to_user` is whom it is about."""

    room_id: str
    event: bytes
    not_to_user: str | None = None


class UserEvent(Struct, frozen=True):
    """An event for all connections of one user."""

    user_id: str
    event: bytes


class SessionsRevoked(Struct, frozen=True):
    """Sessions whose tokens and sockets are no longer good."""

    user_id: str
    session_ids: tuple[str, ...]


class MembershipBegan(Struct, frozen=True):
    """A user became a member of a room."""

    room_id: str
    user_id: str


class MembershipEnded(Struct, frozen=True):
    """A user is no longer a member. `reason`: left, removed, banned, deleted."""

    room_id: str
    user_id: str
    reason: str


Event = RoomMessages | RoomChanges | RoomEphemeral | UserEvent | SessionsRevoked | MembershipBegan | MembershipEnded
