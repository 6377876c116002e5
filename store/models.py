"""What the store keeps and returns.

Field names are camelCase once turned into builtins: these are the contract's shapes.

Owns no behaviour. Times shown to clients are RFC 3339 UTC strings with milliseconds; times that only the server
compares are `_ms`, integer milliseconds since the epoch. Ids are opaque, without `/`; a message's id is `<room
id>-<seq>` (docs/decisions).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class Status(StrEnum):
    """What a person chose to show."""

    ONLINE = "online"
    AWAY = "away"
    BUSY = "busy"
    OFFLINE = "offline"


class Role(StrEnum):
    """What a member may do in a room."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


class User(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A person as others see them. `status` is the chosen one; who is not connected is shown as offline.

    `status_rev` counts the choices of a status, so that of two the later is known; it is no client's business: who
    shows a user sets it to 0, which is left out. Only such fields have defaults.
    """

    id: str
    username: str
    display_name: str
    avatar_url: str | None
    text_color: str | None
    background_color: str | None
    status: Status
    custom_status: str | None
    created_at: str
    status_rev: int = 0


class Account(Struct, frozen=True):
    """A user with what only its owner and the server may know. Never encoded."""

    user: User
    email: str
    password_hash: str
    disabled_at: str | None = None


KNOWN_ADDRESSES_MAX = 10
KNOWN_ADDRESS_KEEP_MS = 90 * 24 * 3600 * 1000


class ProfileChange(Struct, frozen=True):
    """Fields of a user to set; `False` leaves a field as it is (None would be a value)."""

    display_name: str | bool = False
    avatar_url: str | bool | None = False
    text_color: str | bool | None = False
    background_color: str | bool | None = False
    status: Status | bool = False
    custom_status: str | bool | None = False


class Session(Struct, frozen=True):
    """One login: a family of refresh tokens, of which only `generation` and, for a grace, the one before it are good.

    `began_at_ms` is None where a program that did not keep it made the session; `began_ms` is then the newest rotation.
    """

    id: str
    user_id: str
    generation: int
    rotated_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None = None
    began_at_ms: int | None = None

    @property
    def began_ms(self) -> int:
        return self.rotated_at_ms if self.began_at_ms is None else self.began_at_ms


class Room(Struct, frozen=True, rename="camel"):
    """A room without what depends on who asks.

    `last_seq` and `rev` are its heads, derived, never counters of their own.
    """

    id: str
    name: str
    description: str | None
    is_private: bool
    kind: str  # room | direct
    owner_id: str | None
    max_users: int
    member_count: int
    slow_mode_s: int
    archived_at: str | None
    created_at: str
    last_seq: int
    rev: int


class RoomDraft(Struct, frozen=True):
    """A room to be made."""

    name: str
    description: str | None
    is_private: bool
    max_users: int


class Membership(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One member's state in one room; counts as of the moment it was read.

    `joined_rev`: the room's rev that the joining was, 0 for who made it; shown to nobody, as `User.status_rev`.
    """

    role: Role
    read_seq: int
    unread_count: int
    mention_count: int
    muted_until: str | None
    joined_rev: int = 0


class Standing(Struct, frozen=True):
    """A room together with the asking user's membership, None to a non-member."""

    room: Room
    membership: Membership | None


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


REACTION_USERS_NAMED = 20
REACTION_KINDS_MAX = 20


def read_state(room_id: str, membership: Membership) -> ReadState:
    """How far a member has read, from their membership."""
    return ReadState(room_id, membership.read_seq, membership.unread_count, membership.mention_count)


class Reaction(Struct, frozen=True, rename="camel"):
    """Who reacted with one emoji: all counted, the first 20 named."""

    count: int
    user_ids: tuple[str, ...]


class File(Struct, frozen=True, rename="camel"):
    """An uploaded file's description."""

    id: str
    url: str
    name: str
    size: int
    mime_type: str
    sha256: str
    width: int | None
    height: int | None
    thumbnail_url: str | None


class FileDraft(Struct, frozen=True):
    """An upload that was written under `id`, and is to be described.

    `sha256` in hexadecimal, sizes in bytes and pixels.
    """

    id: str
    owner_id: str
    name: str
    size: int
    mime_type: str
    sha256: str
    width: int | None = None
    height: int | None = None
    has_thumbnail: bool = False


class Message(Struct, frozen=True, rename="camel"):
    """A message as it is now; of two copies the one with the greater `rev` is the newer.

    Deleted: content None, no attachments.
    """

    id: str
    room_id: str
    seq: int
    rev: int
    user_id: str
    username: str
    type: str  # text | system
    content: str | None
    client_id: str
    reply_to_id: str | None
    thread_id: str | None
    attachments: tuple[File, ...]
    mentions: tuple[str, ...]
    reactions: dict[str, Reaction]
    created_at: str
    edited_at: str | None
    deleted_at: str | None


class MessageDraft(Struct, frozen=True):
    """A message before it has a place.

    `client_id` is the author's, or one the service made: unique per room and author.
    """

    user_id: str
    username: str
    content: str
    client_id: str
    reply_to_id: str | None = None
    thread_id: str | None = None
    attachment_ids: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


class Refusal(StrEnum):
    """Why a draft was not stored; the values are the contract's error codes."""

    ROOM_NOT_FOUND = "room_not_found"
    NOT_MEMBER = "not_member"
    MUTED = "muted"
    MESSAGE_NOT_FOUND = "message_not_found"  # what it replies to, or its thread, is not in this room
    FILE_NOT_FOUND = "file_not_found"


class Stored(Struct, frozen=True):
    """A draft's outcome: durably stored now, or `duplicate`: stored by an earlier send (then `message` is as it is
    now).
    """

    message: Message
    duplicate: bool


class Head(Struct, frozen=True):
    """A room's newest seq and rev; 0 where there is none."""

    seq: int
    rev: int


class MessagePage(Struct, frozen=True):
    """Messages in ascending seq; `has_more` further in the direction asked; `authors` as they now are, where they were
    asked for.

    `rev` is the room's, read no later than the messages: none of them is older than it says.
    """

    messages: tuple[Message, ...]
    has_more: bool
    rev: int
    authors: tuple[User, ...] = ()


class Change(Struct, frozen=True):
    """One entry of a room's changes log; `message` is None for membership and settings.

    `is_reaction`: somebody reacted, or took that back; else the message was edited, or deleted. Only ChangePages of the
    log itself tell.
    """

    rev: int
    message: Message | None
    is_reaction: bool = False


class ChangePage(Struct, frozen=True):
    """Changes in ascending rev.

    `expired`: entries after the asked rev are gone from the log; the caller must reload.
    """

    changes: tuple[Change, ...]
    rev: int
    has_more: bool
    expired: bool


class MessageChange(Struct, frozen=True):
    """What an edit, a deletion or a reaction did. `changed` False: it was so already, and nothing was written."""

    message: Message
    changed: bool


class MessageSearch(Struct, frozen=True):
    """What to look for: messages that have all `words` and all `phrases`, in any case, in these rooms, and meet the
    filters.

    Without words and phrases the filters alone decide. `before_ms` is exclusive, `after_ms` inclusive.
    """

    room_ids: tuple[str, ...]
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    author_id: str | None = None
    before_ms: int | None = None
    after_ms: int | None = None
    has_file: bool = False


class Hit(Struct, frozen=True):
    """A message that was found; a greater score is a better match, of equals the newer comes first."""

    message: Message
    score: float


class RoomStats(Struct, frozen=True, rename="camel"):
    """Totals of one room; `last_activity` is the newest message's time, or the room's own."""

    room_id: str
    participant_count: int
    message_count: int
    last_activity: str


class MembershipChange(Struct, frozen=True):
    """What a join or a leave did.

    `changed` False: it was so already, nothing was written and `rev` is the room's present one.
    """

    room: Room
    membership: Membership | None
    changed: bool
    rev: int
    user_ids_promoted: tuple[str, ...] = field(default=())
