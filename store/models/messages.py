"""Messages, their changes, pages of both, and search. Owns no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Struct

from store.models.encoding_marks import one_of
from store.models.files import File
from store.models.people import User

REACTION_USERS_NAMED = 20

REACTION_KINDS_MAX = 20

ROOM_MENTION = "room"  # stands among the mentions of a message for all members of the room

# Replaced texts that are kept of one message; older ones are dropped.
REPLACED_TEXTS_KEPT = 100


class Reaction(Struct, frozen=True, rename="camel"):
    """The reactions with one emoji: the count of all, and the ids of the first 20 users."""

    count: int
    user_ids: tuple[str, ...]


class Message(Struct, frozen=True, rename="camel"):
    """A message. Of two copies the one with the greater `rev` is the newer.

    A deleted message has content None and no attachments, mentions or reactions. `mentions` are ids of members, and
    ROOM_MENTION.
    """

    id: str
    room_id: str
    seq: int
    rev: int
    user_id: str
    username: str
    type: Annotated[str, one_of("text", "system")]
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
    """A message before it has a seq.

    `client_id` is unique per room and author; the server makes one if a client does not. `by_admin`: the author is an
    administrator.
    """

    user_id: str
    username: str
    content: str
    client_id: str
    reply_to_id: str | None = None
    thread_id: str | None = None
    attachment_ids: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    by_admin: bool = False


class Refusal(StrEnum):
    """Why something was not stored; the values are the contract's error codes."""

    ROOM_NOT_FOUND = "room_not_found"
    NOT_MEMBER = "not_member"
    MUTED = "muted"
    MESSAGE_NOT_FOUND = "message_not_found"  # the message it replies to, or its thread, is not in this room
    FILE_NOT_FOUND = "file_not_found"
    FORBIDDEN = "forbidden"  # the actor's rank does not reach, or the room is archived
    BANNED = "banned"
    CONFLICT = "conflict"


class Stored(Struct, frozen=True):
    """The outcome of a stored draft. `duplicate`: an earlier send stored it, and `message` is its current form."""

    message: Message
    duplicate: bool


class TooSoon(Struct, frozen=True):
    """Slow mode refused a draft. `retry_after_s`: seconds after which its author may send the next message."""

    retry_after_s: int


AppendOutcome = Stored | Refusal | TooSoon


class MessagePage(Struct, frozen=True):
    """Messages in ascending seq. `has_more`: there are more in the direction that was asked for.

    `authors` are the current profiles, where they were asked for. `rev` is the room's, read no later than the
    messages, so each message is at least as new as that rev.
    """

    messages: tuple[Message, ...]
    has_more: bool
    rev: int
    authors: tuple[User, ...] = ()


class ThreadPage(Struct, frozen=True):
    """Replies of a thread in ascending seq; `count` is the number of all, `has_more`: there are later ones."""

    messages: tuple[Message, ...]
    count: int
    has_more: bool


class MessageChange(Struct, frozen=True):
    """The result of an edit, a deletion or a reaction. `changed` is False where nothing had to be written."""

    message: Message
    changed: bool


class ReplacedText(Struct, frozen=True, rename="camel"):
    """A text that a message had until an edit; `edited_at` is the time of that edit."""

    content: str
    edited_at: str


class MessageHistory(Struct, frozen=True):
    """A message and the texts that it had before, the newest first; a deleted one has none."""

    message: Message
    replaced: tuple[ReplacedText, ...]


class Change(Struct, frozen=True):
    """One entry of a room's changes log. `message` is None for a change of membership or settings.

    `is_reaction`: a reaction was added or removed; otherwise the message was edited or deleted. `is_settings`: the
    room's settings were changed; an entry with neither is of a membership. Only `Changes.page` sets the two.
    """

    rev: int
    message: Message | None
    is_reaction: bool = False
    is_settings: bool = False


class ChangePage(Struct, frozen=True):
    """Changes in ascending rev.

    `expired`: entries after the asked rev are gone from the log; the caller must reload.
    """

    changes: tuple[Change, ...]
    rev: int
    has_more: bool
    expired: bool


class MessageSearch(Struct, frozen=True):
    """A query for messages of these rooms that have all `texts` (words and phrases) and pass the filters.

    Words are compared as common/text_folding.py folds them. Without texts only the filters apply. `author_ids`: by one
    of these users, by anybody where it is empty. `before_ms` is exclusive, `after_ms` inclusive. `mentioned_id`:
    mentions this user, or all members.
    """

    room_ids: tuple[str, ...]
    texts: tuple[str, ...] = ()
    author_ids: tuple[str, ...] = ()
    before_ms: int | None = None
    after_ms: int | None = None
    has_file: bool = False
    mentioned_id: str | None = None


class SearchHit(Struct, frozen=True):
    """A message that was found. A greater score is a better match; of equal scores the newer message comes first."""

    message: Message
    score: float
