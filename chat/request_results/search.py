"""What searches return."""

from __future__ import annotations

from msgspec import Struct

from chat.request_results.rooms import RoomView
from store.models import Message, User


class FoundMessage(Message, frozen=True, rename="camel"):
    """A message with the places in its content that match: start and end, exclusive, in UTF-16 code units."""

    highlight: tuple[tuple[int, int], ...]


class FoundMessages(Struct, frozen=True, rename="camel"):
    """A page of results; `next_cursor` is None on the last."""

    messages: list[FoundMessage]
    next_cursor: str | None


class Suggestions(Struct, frozen=True):
    """What a query may go on with, 8 in all."""

    words: list[str]
    people: list[User]
    rooms: list[RoomView]
