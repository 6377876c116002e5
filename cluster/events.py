"""The events of the bus. `event` and `events` are encoded once, by the publisher; no module here decodes them.

Events may arrive late and in any order, because a connection to Redis may hang and be replaced. So each event about a
membership, a status, a read position or a person's connections carries a number that orders it, which the store or the
publisher counts; no clock orders events. An event that is older than the known state changes nothing. The revocation of
a session and the replacement of a connection are final and need no order.

Other processes read the tags and fields, during a rolling restart older and newer processes too: add fields at the end
only, with a default.
"""

from __future__ import annotations

from msgspec import Struct

_AFTER_ALL_REVS = 2**62


class RoomMessages(Struct, frozen=True, tag=True, array_like=True):
    """Messages that one commit stored in a room: encoded, with consecutive seq from `first_seq`.

    `accepted_ms`: when the first of them was accepted, by the publisher's wall clock in milliseconds; 0.0 if unknown.
    """

    room_id: str
    first_seq: int
    events: tuple[bytes, ...]
    accepted_ms: float = 0.0


class RoomChanges(Struct, frozen=True, tag=True, array_like=True):
    """Changes of a room in rev order: (rev, encoded event); the event is None if the rev has none (membership)."""

    room_id: str
    changes: tuple[tuple[int, bytes | None], ...]


class RoomEphemeral(Struct, frozen=True, tag=True, array_like=True):
    """An event that is not stored and may be dropped (typing, presence). `not_to_user` does not receive it."""

    room_id: str
    event: bytes
    not_to_user: str | None = None


class UserEvent(Struct, frozen=True, tag=True, array_like=True):
    """An event for all connections of one user.

    `about` names the thing whose newest state the event carries, '' if it carries none. Of two events about one thing
    the one with the greater `order` is newer, and the older one must not be delivered after it.
    """

    user_id: str
    event: bytes
    about: str = ""
    order: tuple[int, ...] = ()


class SessionsRevoked(Struct, frozen=True, tag=True, array_like=True):
    """Sessions that were revoked: their tokens are refused and their sockets closed."""

    user_id: str
    session_ids: tuple[str, ...]


class MembershipBegan(Struct, frozen=True, tag=True, array_like=True):
    """A user became a member of a room, with the room's change `rev` (0: the user created the room).

    None: the publisher is an older process.
    """

    room_id: str
    user_id: str
    rev: int | None = None


class MembershipEnded(Struct, frozen=True, tag=True, array_like=True):
    """A user is no longer a member. `reason`: left, removed, banned, deleted.

    `rev` is the room's change that ended the membership; it ends one that began at or before it. None: it ends any.
    """

    room_id: str
    user_id: str
    reason: str
    rev: int | None = None


def ended_with_room(room_id: str, user_id: str) -> MembershipEnded:
    """The end of a membership whose room was deleted: nothing of the room is newer, whatever arrives later."""
    return MembershipEnded(room_id, user_id, "deleted", _AFTER_ALL_REVS)


class ConnectionReplaced(Struct, frozen=True, tag=True, array_like=True):
    """Another connection of the same user replaces this one."""

    user_id: str
    connection_id: str


class StatusChosen(Struct, frozen=True, tag=True, array_like=True):
    """A user chose a status. Of several events the one with the greatest `rev`, which the store counts, is the newest.

    `was_at_ms` (wall clock) is read by older processes only, which order events by it.
    """

    user_id: str
    status: str
    was_at_ms: int = 0
    rev: int = 0


class PersonHere(Struct, frozen=True, array_like=True):
    """A person with a connection, the rooms that the person is a member of, and for each the rev of the joining.

    `status_rev` is the rev of the status (see StatusChosen); `was_at_ms` is unused.
    """

    user_id: str
    username: str
    status: str
    was_at_ms: int
    room_ids: tuple[str, ...]
    status_rev: int = 0
    joined_revs: tuple[int, ...] = ()


class PeopleHere(Struct, frozen=True, tag=True, array_like=True):
    """People who have a connection to a process: one part of a list that may take several events.

    `telling` numbers the complete lists of a process; the last part of a list has `is_last`. `number` counts all events
    of a process about people; of two about one person the one with the greater number is newer. `began_at`, in the last
    part, is the number with which the list began: people who were in no event since are not connected.
    """

    process_id: str
    telling: int
    people: tuple[PersonHere, ...]
    is_last: bool = False
    number: int = 0
    began_at: int = 0


class PersonGone(Struct, frozen=True, tag=True, array_like=True):
    """A person has no connection to a process any more.

    `number`: see PeopleHere; 0 from an older process.
    """

    process_id: str
    user_id: str
    number: int = 0


class ProcessBeat(Struct, frozen=True, tag=True, array_like=True):
    """The heartbeat of a process.

    `asks`: it may not know who is connected where, and asks every process to publish its people (PeopleHere). `of`: the
    only processes that it asks. `leaves`: the process stops, and this is its last event.
    """

    process_id: str
    asks: bool = False
    leaves: bool = False
    of: tuple[str, ...] = ()


class AllMentioned(Struct, frozen=True, tag=True, array_like=True):
    """A message mentions all members of a room: the event for their connections. The author does not receive it."""

    room_id: str
    event: bytes
    author_id: str


class RoomsActive(Struct, frozen=True, tag=True, array_like=True):
    """Rooms to which a process has written messages lately, each with the newest seq that it knows.

    `large_rooms` are those with so many members that these are told more rarely.
    """

    rooms: tuple[tuple[str, int], ...]
    large_rooms: tuple[tuple[str, int], ...] = ()


class RoomDeleted(Struct, frozen=True, tag=True, array_like=True):
    """A room was deleted: every membership of it has ended."""

    room_id: str


class AccountEnded(Struct, frozen=True, tag=True, array_like=True):
    """A user deleted the account: messages that are kept encoded may show the name, and are to be read again."""

    user_id: str


class MembershipUncertain(Struct, frozen=True, tag=True, array_like=True):
    """A write of a membership failed that may have happened: every process compares the membership with the store."""

    room_id: str
    user_id: str


class CacheInvalidated(Struct, frozen=True, tag=True, array_like=True):
    """Cached values that must not be used any more, by the names of their keys; without names: all values.

    It has a topic of its own, to which processes that do not know it do not subscribe.
    """

    names: tuple[str, ...] = ()


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
    | AllMentioned
    | RoomsActive
    | RoomDeleted
    | AccountEnded
    | MembershipUncertain
    | CacheInvalidated
)
