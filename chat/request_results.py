"""What use cases return to clients, as frozen structs; their encoded names are the contract's.

A field of type bytes is a message or change that is encoded already: it was encoded once for all who read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from store.models import Message, Role, Room, Status, User


class OwnUser(User, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One's own user: as others see it, with the email address."""

    email: str


class Credentials(Struct, frozen=True, rename="camel"):
    """The reply to a register, login or refresh; `expires_in` is the access token's life in seconds."""

    user: OwnUser
    access_token: str
    refresh_token: str
    expires_in: int


class RoomView(Room, frozen=True, rename="camel"):
    """A room as everybody who may see it does."""

    online_count: int


class OwnRoomView(RoomView, frozen=True, rename="camel"):
    """A room as its member sees it: with the member's own state in it."""

    role: Role
    read_seq: int
    unread_count: int
    mention_count: int
    muted_until: str | None


class RoomPage(Struct, frozen=True, rename="camel"):
    """A page of a listing of rooms; `next_cursor` is None on the last."""

    rooms: list[RoomView]
    next_cursor: str | None


class MemberView(Struct, frozen=True, rename="camel"):
    """A member as the other members see them."""

    user_id: str
    username: str
    display_name: str
    role: Role
    online: bool


class MemberPage(Struct, frozen=True, rename="camel"):
    """A page of a room's members; `next_cursor` is None on the last."""

    members: list[MemberView]
    next_cursor: str | None


class OnlineMember(Struct, frozen=True, rename="camel"):
    """A member who is online, as getPresence lists them."""

    user_id: str
    username: str
    status: Status


class PresenceListing(Struct, frozen=True, rename="camel"):
    """The result of getPresence: how many members are online, and the first of them."""

    online_count: int
    online: list[OnlineMember]


class RoomTotals(Struct, frozen=True, rename="camel"):
    """A room in numbers; `last_activity` is an RFC 3339 time."""

    room_id: str
    participant_count: int
    online_count: int
    message_count: int
    last_activity: str | None


class PostedMessage(Struct, frozen=True):
    """A stored message, encoded. `duplicate`: an earlier send with the same clientId stored it."""

    message: bytes
    duplicate: bool


class MessageWithAuthor(Message, frozen=True, rename="camel"):
    """A message with its author's profile as it is now; None for an author who is gone."""

    author: User | None


class HistoryPage(Struct, frozen=True, rename="camel"):
    """A page of a room's messages, each encoded, in ascending seq; `rev` is the room's when they were read."""

    messages: Sequence[bytes]
    has_more: bool
    rev: int


class JoinedRoom(Struct, frozen=True, rename="camel"):
    """The result of joinRoom: the room at the heads `seq` and `rev`, with the encoded messages and changes that the
    client has missed.

    `truncated`: older messages are missing in `missed`. `changes_truncated`: changes are missing, the client reloads.
    `reset`: the client's `since` is beyond the room's head.
    """

    room: RoomView
    seq: int
    rev: int
    missed: Sequence[bytes]
    truncated: bool
    changes: Sequence[bytes]
    changes_truncated: bool
    reset: bool


class Authenticated(Struct, frozen=True, rename="camel"):
    """The result of authenticate; `expires_at` is the RFC 3339 time at which the token ends."""

    user: OwnUser
    expires_at: str


class HeartbeatAnswer(Struct, frozen=True):
    """The server's time, RFC 3339."""

    timestamp: str


class ChangeView(Struct, frozen=True):
    """One entry of a room's changes log; `message` is None for membership and settings."""

    rev: int
    message: Message | None


class ChangesView(Struct, frozen=True, rename="camel"):
    """A page of a room's changes log, in ascending rev; `rev` is the log's head."""

    changes: list[ChangeView]
    rev: int
    has_more: bool
