"""The events that connections receive without having asked; the contract lists them (docs/protocol.md).

`name` is the event's name on the wire. A field of type bytes is a message that is encoded already, so that a message is
encoded once for all who receive it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Struct

from chat.request_results.messages import EncodedMessage
from chat.request_results.people import OwnUser
from chat.request_results.rooms import RoomView
from store.models import ReadState, Status
from store.models.encoding_marks import OPTIONAL, one_of


class Event(Struct, frozen=True, rename="camel"):
    """What all events have: a name. `whole_data`: the field that is the whole data of the event, empty if all are."""

    name: ClassVar[str]
    whole_data: ClassVar[str] = ""


class Welcome(Event, frozen=True, omit_defaults=True):
    """The first event of a connection. `heartbeat_interval` is in seconds; `user`: whom the handshake's token names."""

    name: ClassVar[str] = "welcome"
    connection_id: str
    process_id: str
    heartbeat_interval: float
    user: Annotated[OwnUser | None, OPTIONAL] = None


class ReceiveMessage(Event, frozen=True):
    """A new message of a joined room, encoded; it is the event's whole data."""

    name: ClassVar[str] = "receiveMessage"
    whole_data: ClassVar[str] = "message"
    message: EncodedMessage


class Mention(Event, frozen=True):
    """A message, encoded, that mentions the user."""

    name: ClassVar[str] = "mention"
    message: EncodedMessage


class MessageChanged(Event, frozen=True):
    """A change of a message, by the room's `rev` of it, with the message, encoded, as the change left it."""

    room_id: str
    rev: int
    message: EncodedMessage


class MessageEdited(MessageChanged, frozen=True):
    name: ClassVar[str] = "messageEdited"


class MessageDeleted(MessageChanged, frozen=True):
    name: ClassVar[str] = "messageDeleted"


class ReactionUpdated(MessageChanged, frozen=True):
    name: ClassVar[str] = "reactionUpdated"


class RoomAdded(Event, frozen=True):
    """The user became a member of a room."""

    name: ClassVar[str] = "roomAdded"
    room: RoomView


class RoomHead(Struct, frozen=True, rename="camel"):
    """A room's newest seq."""

    room_id: str
    last_seq: int


class RoomActivity(Event, frozen=True):
    """Rooms of the user that the connection has not joined and that have something new."""

    name: ClassVar[str] = "roomActivity"
    rooms: list[RoomHead]


class RoomUpdated(Event, frozen=True):
    """A joined room's settings were changed: the room without anybody's own state; or the user's own state was."""

    name: ClassVar[str] = "roomUpdated"
    room: RoomView


class MessageReadUpdate(Event, frozen=True):
    """The user's read mark moved, by their reading or their own message; the state is the event's whole data."""

    name: ClassVar[str] = "messageReadUpdate"
    whole_data: ClassVar[str] = "state"
    state: ReadState


class SettingsUpdated(Event, frozen=True):
    """What changed in the user's settings, as a JSON Merge Patch; it is the event's whole data."""

    name: ClassVar[str] = "settingsUpdated"
    whole_data: ClassVar[str] = "changed"
    changed: Mapping[str, Any]


class RoomClosed(Event, frozen=True):
    """A subscription was ended by the server."""

    name: ClassVar[str] = "roomClosed"
    room_id: str
    reason: Annotated[str, one_of("banned", "removed", "deleted", "left")]


class ServerRestarting(Event, frozen=True):
    """The process stops; the client connects again after this time."""

    name: ClassVar[str] = "serverRestarting"
    reconnect_after_ms: int


class PresenceChanged(Event, frozen=True):
    """A member's status in a room, as others see it."""

    room_id: str
    user_id: str
    username: str
    status: Status


class UserJoined(PresenceChanged, frozen=True):
    name: ClassVar[str] = "userJoined"


class UserLeft(PresenceChanged, frozen=True):
    name: ClassVar[str] = "userLeft"


class PresenceUpdate(PresenceChanged, frozen=True):
    name: ClassVar[str] = "presenceUpdate"


class RoomPresence(Event, frozen=True):
    """How many members of a large room are online, instead of an event for each."""

    name: ClassVar[str] = "roomPresence"
    room_id: str
    online_count: int


class TypingStatus(Event, frozen=True):
    """A member types, or stopped; a client forgets it after `expires_in_ms`."""

    name: ClassVar[str] = "typingStatus"
    room_id: str
    user_id: str
    username: str
    is_typing: bool
    expires_in_ms: int
