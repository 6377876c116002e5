"""What each WebSocket command takes and returns, what counts it, and when it is shed. command_table.py has the methods;
docs/asyncapi.yaml is made of this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from chat.request_inputs.connection import Authenticate, Heartbeat, JoinRoom, MessageRead, OneRoom, UpdatePresence
from chat.request_inputs.fields import Input
from chat.request_inputs.messages import EditMessage, OneMessage, OneReaction, SendMessage
from chat.request_results.connection import HeartbeatAnswer
from chat.request_results.messages import ChangedMessage, PostedMessage
from chat.request_results.people import Authenticated
from chat.request_results.rooms import JoinedRoom, PresenceListing, RoomTotals
from limits.load_shedding import ShedClass
from store.models import ReadState


class CommandForm(Struct, frozen=True, kw_only=True):
    """One command: the type of its data, that of its result (None: an empty object), the limit that counts it (None:
    its method counts), and the class in which load shedding refuses it.

    `example`: its data, with ids as the API documents' other examples have them.
    """

    summary: str
    input: type[Input]
    result: type[Struct] | None
    limit: str | None
    shed: ShedClass | None = None
    example: Mapping[str, Any] = {}


ROOM: dict[str, Any] = {"roomId": "example-room"}
MESSAGE: dict[str, Any] = {"messageId": "example-message"}

COMMAND_FORMS: Mapping[str, CommandForm] = {
    "authenticate": CommandForm(
        summary="Say who one is, or renew the token",
        input=Authenticate,
        result=Authenticated,
        limit="typing",
        example={"token": "example-access-token"},
    ),
    "joinRoom": CommandForm(
        summary="Subscribe this connection to a room, and read what was missed",
        input=JoinRoom,
        result=JoinedRoom,
        limit=None,
        example=ROOM | {"since": 0, "sinceRev": 0},
    ),
    "leaveRoom": CommandForm(
        summary="End this connection's subscription; the membership stays",
        input=OneRoom,
        result=None,
        limit="typing",
        example=ROOM,
    ),
    "sendMessage": CommandForm(
        summary="Post a message",
        input=SendMessage,
        result=PostedMessage,
        limit=None,
        shed=ShedClass.MESSAGES,
        example=ROOM | {"content": "Hello", "clientId": "an-id-of-my-own"},
    ),
    "editMessage": CommandForm(
        summary="Edit a message",
        input=EditMessage,
        result=ChangedMessage,
        limit="messages",
        shed=ShedClass.MESSAGES,
        example=MESSAGE | {"content": "Hello again"},
    ),
    "addReaction": CommandForm(
        summary="React to a message",
        input=OneReaction,
        result=ChangedMessage,
        limit="reactions",
        shed=ShedClass.MESSAGES,
        example=MESSAGE | {"emoji": "\N{THUMBS UP SIGN}"},
    ),
    "removeReaction": CommandForm(
        summary="Take a reaction back",
        input=OneReaction,
        result=ChangedMessage,
        limit="reactions",
        shed=ShedClass.MESSAGES,
        example=MESSAGE | {"emoji": "\N{THUMBS UP SIGN}"},
    ),
    "deleteMessage": CommandForm(
        summary="Delete a message",
        input=OneMessage,
        result=ChangedMessage,
        limit="messages",
        shed=ShedClass.MESSAGES,
        example=MESSAGE,
    ),
    "startTyping": CommandForm(
        summary="Tell the room that one is typing",
        input=OneRoom,
        result=None,
        limit="typing",
        shed=ShedClass.EPHEMERAL,
        example=ROOM,
    ),
    "stopTyping": CommandForm(
        summary="Tell the room that one stopped typing",
        input=OneRoom,
        result=None,
        limit="typing",
        shed=ShedClass.EPHEMERAL,
        example=ROOM,
    ),
    "messageRead": CommandForm(
        summary="Move one's read mark forward",
        input=MessageRead,
        result=ReadState,
        limit="typing",
        example=ROOM | {"seq": 1},
    ),
    "updatePresence": CommandForm(
        summary="Choose the status that others see",
        input=UpdatePresence,
        result=None,
        limit="typing",
        shed=ShedClass.EPHEMERAL,
        example={"status": "away", "customStatus": "at lunch"},
    ),
    "getPresence": CommandForm(
        summary="Read who is online in a room",
        input=OneRoom,
        result=PresenceListing,
        limit="typing",
        shed=ShedClass.EPHEMERAL,
        example=ROOM,
    ),
    "getRoomStats": CommandForm(
        summary="Read a room's totals",
        input=OneRoom,
        result=RoomTotals,
        limit="typing",
        shed=ShedClass.READS,
        example=ROOM,
    ),
    "heartbeat": CommandForm(
        summary="Ask whether the connection lives", input=Heartbeat, result=HeartbeatAnswer, limit="typing"
    ),
}
