"""What use cases return about rooms, their members and who is online."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from chat.request_results.messages import EncodedMessage
from store.models import Role, Room, Status, User
from store.models.encoding_marks import encoded


class RoomView(Room, frozen=True, rename="camel"):
    """A room as everybody who may see it does."""

    online_count: int


class OwnRoomView(RoomView, frozen=True, rename="camel"):
    """A room as its member sees it: with the member's own state in it, and the other person of a direct room."""

    role: Role
    read_seq: int
    unread_count: int
    mention_count: int
    muted_until: str | None
    peer: User | None


class RoomResult(Struct, frozen=True):
    """One room."""

    room: RoomView


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


class MadeInvite(Struct, frozen=True):
    """An invite link that was made; `url` is a path."""

    code: str
    url: str


class InviteView(Struct, frozen=True, rename="camel"):
    """An invite link as those who may revoke it see it."""

    code: str
    url: str
    uses: int
    max_uses: int | None
    expires_at: str | None


class InviteListing(Struct, frozen=True):
    """The links of a room that are good, the newest first."""

    invites: list[InviteView]


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


class JoinedRoom(Struct, frozen=True, rename="camel"):
    """The result of joinRoom: the room at the heads `seq` and `rev`, with the encoded messages and changes that the
    client has missed.

    `truncated`: older messages are missing in `missed`. `changes_truncated`: changes are missing, the client reloads.
    `reset`: the client's `since` is beyond the room's head.
    """

    room: RoomView
    seq: int
    rev: int
    missed: Sequence[EncodedMessage]
    truncated: bool
    changes: Sequence[Annotated[bytes, encoded("ChangeView")]]
    changes_truncated: bool
    reset: bool
