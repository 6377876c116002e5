"""What travels on the bus. `event` and `events` are encoded once, by the publisher; nothing here decodes them.

Facts may arrive late and in any order, for a connection to Redis may hang and be replaced. So each fact of a
membership, a status, a read position or a person's whereabouts carries what orders it, a number that the store or its
publisher counts; nobody's clock. An older one changes nothing. A session's revocation and a connection's replacement
are final: they need no order.

The tags and fields are what other processes read, during a rolling restart also older and newer ones: add fields at the
end only, with a default.
"""

from __future__ import annotations

from msgspec import Struct


class RoomMessages(Struct, frozen=True, tag=True, array_like=True):
    """Messages that one commit stored in a room: encoded, with consecutive seq from `first_seq`.

    `accepted_ms`: when the first of their sends was accepted, by the publisher's wall clock; 0.0 where that is not
    known.
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
    """An event for all connections of one user.

    `about`: of what it tells the newest state, '' where it stands for itself. Of two about one thing the one with the
    greater `order` is the newer; the other must not follow it.
    """

    user_id: str
    event: bytes
    about: str = ""
    order: tuple[int, ...] = ()


class SessionsRevoked(Struct, frozen=True, tag=True, array_like=True):
    """Sessions whose tokens and sockets are no longer good."""

    user_id: str
    session_ids: tuple[str, ...]


class MembershipBegan(Struct, frozen=True, tag=True, array_like=True):
    """A user became a member of a room, by the change `rev` of it (0: they made it).

    None: an older process does not say.
    """

    room_id: str
    user_id: str
    rev: int | None = None


class MembershipEnded(Struct, frozen=True, tag=True, array_like=True):
    """A user is no longer a member. `reason`: left, removed, banned, deleted.

    `rev` is the room's by which that is so: it ends what was joined before it or at it. None: whatever there is.
    """

    room_id: str
    user_id: str
    reason: str
    rev: int | None = None


class ConnectionReplaced(Struct, frozen=True, tag=True, array_like=True):
    """Another connection of the same user takes the place of this one."""

    user_id: str
    connection_id: str


class StatusChosen(Struct, frozen=True, tag=True, array_like=True):
    """A user chose another status: of several the one with the greatest `rev`, which the store counts, is the last.

    `was_at_ms`, of the wall clock, is for older processes in a rolling restart, which go by it.
    """

    user_id: str
    status: str
    was_at_ms: int = 0
    rev: int = 0


class PersonHere(Struct, frozen=True, array_like=True):
    """Somebody with a connection, and the rooms that they are a member of, each with the rev at which they joined.

    `status_rev` numbers the status (see StatusChosen); `was_at_ms` says nothing any more.
    """

    user_id: str
    username: str
    status: str
    was_at_ms: int
    room_ids: tuple[str, ...]
    status_rev: int = 0
    joined_revs: tuple[int, ...] = ()


class PeopleHere(Struct, frozen=True, tag=True, array_like=True):
    """People who have a connection to a process.

    `telling` counts its full tellings; the last part of one has `is_last`.

    `number` counts what a process says of people; of two facts about one person the one with the greater number is the
    newer. `began_at` is the number with which the telling began that this ends: whoever was not spoken of since is not
    there.
    """

    process_id: str
    telling: int
    people: tuple[PersonHere, ...]
    is_last: bool = False
    number: int = 0
    began_at: int = 0


class PersonGone(Struct, frozen=True, tag=True, array_like=True):
    """Somebody who has no connection to a process any more.

    `number`: see PeopleHere; 0 where an older process does not count.
    """

    process_id: str
    user_id: str
    number: int = 0


class ProcessBeat(Struct, frozen=True, tag=True, array_like=True):
    """A process lives.

    `asks`: it may not know who is where, and wants to be told by all; `leaves`: it stops, and this was its last.

    `of`: the processes of which alone it wants to be told.
    """

    process_id: str
    asks: bool = False
    leaves: bool = False
    of: tuple[str, ...] = ()


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
