"""What use cases return about messages and their changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from store.models import Message, ReplacedText, User
from store.models.encoding_marks import OPTIONAL, encoded

EncodedMessage = Annotated[bytes, encoded("Message")]


class PostedMessage(Struct, frozen=True):
    """A stored message, encoded. `duplicate`: an earlier send with the same clientId stored it; absent otherwise."""

    message: EncodedMessage
    duplicate: Annotated[bool, OPTIONAL] = False


class ChangedMessage(Struct, frozen=True):
    """A message, encoded, as a change left it."""

    message: EncodedMessage


class MessageResult(Struct, frozen=True):
    """One message."""

    message: Message


class HistoryView(Struct, frozen=True):
    """A message and the texts that edits of it replaced, the newest first."""

    message: Message
    history: tuple[ReplacedText, ...]


class MessageWithAuthor(Message, frozen=True, rename="camel"):
    """A message with its author's profile as it is now; None for an author who is gone."""

    author: User | None


class HistoryPage(Struct, frozen=True, rename="camel"):
    """A page of a room's messages, each encoded, in ascending seq; `rev` is the room's when they were read."""

    messages: Sequence[Annotated[bytes, encoded("MessageWithAuthor", "Message")]]
    has_more: bool
    rev: int


class ThreadView(Struct, frozen=True, rename="camel"):
    """Replies of a thread in ascending seq, the number of all, and whether there are later ones."""

    messages: tuple[Message, ...]
    count: int
    has_more: bool


class ChangeView(Struct, frozen=True):
    """One entry of a room's changes log; `message` is None for membership and settings."""

    rev: int
    message: Message | None


class ChangesView(Struct, frozen=True, rename="camel"):
    """A page of a room's changes log, in ascending rev; `rev` is the log's head."""

    changes: list[ChangeView]
    rev: int
    has_more: bool
