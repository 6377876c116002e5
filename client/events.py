"""What a program hears of: the events of `ChatClient.events()` and `ChatRoom.events()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .records import Message


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A new message: each of a room once, in the order of `seq`, without holes."""

    message: Message

    @property
    def room_id(self) -> str:
        return self.message.room_id


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was edited, deleted or reacted to, and is as it is given here. Of a room in the order of `rev`."""

    room_id: str
    rev: int
    message: Message


@dataclass(frozen=True, slots=True)
class ChangesLost:
    """Too many changes, or too old ones, were missed: what is shown of the room has to be loaded again."""

    room_id: str


@dataclass(frozen=True, slots=True)
class RoomReset:
    """The server knows less of the room than it did (a restored backup): what is held of it is to be dropped. The next
    message has a seq above `seq`.
    """

    room_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """The room's stream is over. `reason`: banned, removed, deleted, left, or the code that refused to join again."""

    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """`online` or not, and why: lost, restarting, token_expired, too_large, too_many, unavailable. Rooms resume by
    themselves.
    """

    online: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """Any other event of the contract, by its name there: presence, typing, mention, roomAdded, roomUpdated …

    Hints: a program that does not take them in time loses the oldest.
    """

    name: str
    data: Mapping[str, Any]


RoomEvent = MessageReceived | MessageChanged | ChangesLost | RoomReset | RoomClosed
Event = RoomEvent | ConnectionChanged | ServerEvent
