"""Messages, their changes, pages of both, and search. Owns no behaviour."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from store.models.files import File
from store.models.people import User

REACTION_USERS_NAMED = 20

REACTION_KINDS_MAX = 20


class Reaction(Struct, frozen=True, rename="camel"):
    """Who reacted with one emoji: all counted, the first 20 named."""

    count: int
    user_ids: tuple[str, ...]


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


class MessagePage(Struct, frozen=True):
    """Messages in ascending seq; `has_more` further in the direction asked; `authors` as they now are, where they were
    asked for.

    `rev` is the room's, read no later than the messages: none of them is older than it says.
    """

    messages: tuple[Message, ...]
    has_more: bool
    rev: int
    authors: tuple[User, ...] = ()


class MessageChange(Struct, frozen=True):
    """What an edit, a deletion or a reaction did. `changed` False: it was so already, and nothing was written."""

    message: Message
    changed: bool


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
