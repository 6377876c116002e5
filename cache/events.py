"""What travels on the bus. `event` and `events` are encoded once, by the publisher; nothing here decodes them.

The tags and fields are what other processes read, during a rolling restart also older and newer ones: add fields at the end only, with a
default.
"""

from __future__ import annotations

from msgspec import Struct


class RoomMessages(Struct, frozen=True, tag=True, array_like=True):
    """Messages that one commit stored in a room: encoded, with consecutive seq from `first_seq`.

    `accepted_ms`: when the first of their sends was accepted, by the publisher's wall clock; 0.0 where that is not known.
    """

    room_id: str
    first_seq: int
    events: tuple[bytes, ...]
    accepted_ms: float = 0.0


class RoomChanges(Struct, frozen=True, tag=True, array_like=True):
    """Changes of a room in rev order: (rev, encoded event), None where the rev has no event (membership)."""

    room_id: str
    changes: tuple[tuple[int, bytes | None], ...]


class RoomEphemeral(Struct, frozen=True, tag=True, array_like=True):
    """What is true for a moment (typing, presence): not stored, may be dropped. `not_to_user` is whom it is about."""

    room_id: str
    event: bytes
    not_to_user: str | None = None


class UserEvent(Struct, frozen=True, tag=True, array_like=True):
    """An event for all connections of one user."""

    user_id: str
    event: bytes


class SessionsRevoked(Struct, frozen=True, tag=True, array_like=True):
    """Sessions whose tokens and sockets are no longer good."""

    user_id: str
    session_ids: tuple[str, ...]


class MembershipBegan(Struct, frozen=True, tag=True, array_like=True):
    """A user became a member of a room."""

    room_id: str
    user_id: str


class MembershipEnded(Struct, frozen=True, tag=True, array_like=True):
    """A user is no longer a member. `reason`: left, removed, banned, deleted."""

    room_id: str
    user_id: str
    reason: str


class ConnectionReplaced(Struct, frozen=True, tag=True, array_like=True):
    """Another connection of the same user takes the place of this one."""

    user_id: str
    connection_id: str


class StatusChosen(Struct, frozen=True, tag=True, array_like=True):
    """A user chose another status, at this time of the wall clock (ms): the last one counts."""

    user_id: str
    status: str
    at_ms: int


class PersonHere(Struct, frozen=True, array_like=True):
    """Somebody with a connection, and the rooms that they are a member of."""

    user_id: str
    username: str
    status: str
    status_at_ms: int
    room_ids: tuple[str, ...]


class PeopleHere(Struct, frozen=True, tag=True, array_like=True):
    """People who have a connection to a process. `telling` counts its full tellings; the last part of one has `is_last`."""

    process_id: str
    telling: int
    people: tuple[PersonHere, ...]
    is_last: bool = False


class PersonGone(Struct, frozen=True, tag=True, array_like=True):
    """Somebody who has no connection to a process any more."""

    process_id: str
    user_id: str


class ProcessBeat(Struct, frozen=True, tag=True, array_like=True):
    """A process lives. `asks`: it may not know who is where, and wants to be told by all; `leaves`: it stops, and this was its last."""

    process_id: str
    asks: bool = False
    leaves: bool = False


Event = (
    RoomMessages
    | RoomChanges
    | RoomEphemeral
    | UserEvent
    | SessionsRevoked
    | MembershipBegan
    | MembershipEnded
    | ConnectionReplaced
    | StatusChosen
    | PeopleHere
    | PersonGone
    | ProcessBeat
)
