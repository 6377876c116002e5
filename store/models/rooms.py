"""Rooms, and who is in them. Owns no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Struct, field

from store.models.encoding_marks import one_of


class Role(StrEnum):
    """What a member may do in a room."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


class Actor(Struct, frozen=True):
    """Who asks for a change. An administrator (ADMIN_USERS) may do in every room what its owner may.

    They write in it, and read its messages, as a member only.
    """

    user_id: str
    is_admin: bool = False


class Room(Struct, frozen=True, rename="camel"):
    """A room without the fields that depend on the asking user.

    `last_seq` and `rev` are derived from its messages and changes; they are not counters of their own.
    """

    id: str
    name: str
    description: str | None
    is_private: bool
    kind: Annotated[str, one_of("room", "direct")]
    owner_id: str | None
    max_users: int
    member_count: int
    slow_mode_s: int
    archived_at: str | None
    created_at: str
    last_seq: int
    rev: int


class RoomDraft(Struct, frozen=True):
    """A room to be created."""

    name: str
    description: str | None
    is_private: bool
    max_users: int


class RoomPatch(Struct, frozen=True):
    """Settings of a room to change. None leaves a value as it is; `description` is left by False, and None removes it.

    `slow_mode_s` is in seconds; 0 ends slow mode.
    """

    name: str | None = None
    description: str | bool | None = False
    is_private: bool | None = None
    max_users: int | None = None
    slow_mode_s: int | None = None
    archived: bool | None = None


class RoomChange(Struct, frozen=True):
    """The result of a change of settings: the room after it. `changed` is False where nothing had to be written."""

    room: Room
    changed: bool


class Membership(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One member's state in one room. The counts are those of the moment it was read.

    `joined_rev`: the rev of the room's entry about the joining, 0 for the creator. Clients do not see it, as
    `User.status_rev`.
    """

    role: Role
    read_seq: int
    unread_count: int
    mention_count: int
    muted_until: str | None
    joined_rev: int = 0


class Standing(Struct, frozen=True):
    """The word for a room together with one user's membership of it; `membership` is None for a non-member."""

    room: Room
    membership: Membership | None

    @property
    def joined_rev(self) -> int:
        """The rev at which the membership began; 0 for the creator, and where there is none."""
        return 0 if self.membership is None else self.membership.joined_rev


class Member(Struct, frozen=True, rename="camel"):
    """A member as listed to others."""

    user_id: str
    username: str
    display_name: str
    role: Role


class ReadState(Struct, frozen=True, rename="camel"):
    """How far one member has read."""

    room_id: str
    read_seq: int
    unread_count: int
    mention_count: int


def read_state(room_id: str, membership: Membership) -> ReadState:
    """How far a member has read, from their membership."""
    return ReadState(room_id, membership.read_seq, membership.unread_count, membership.mention_count)


class MembershipChange(Struct, frozen=True):
    """The result of a join or a leave, or of a change of a role or a mute.

    `changed` is False where nothing had to be written; `rev` is then the room's current one. Others whose role changed
    with it: `user_ids_promoted` became owner, `user_ids_demoted` moderator. `has_new_owner`: the room's `owner_id` is
    another one, which all who see the room are told.
    """

    room: Room
    membership: Membership | None
    changed: bool
    rev: int
    user_ids_promoted: tuple[str, ...] = field(default=())
    user_ids_demoted: tuple[str, ...] = field(default=())
    has_new_owner: bool = False


class Head(Struct, frozen=True):
    """A room's newest seq and rev; 0 where it has no message or no change."""

    seq: int
    rev: int


class RoomStats(Struct, frozen=True, rename="camel"):
    """Totals of one room; `last_activity` is the newest message's time, or the room's own."""

    room_id: str
    participant_count: int
    message_count: int
    last_activity: str
