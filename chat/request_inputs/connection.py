"""What a connection sends about itself and its rooms: the data of WebSocket commands."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from chat.request_inputs.fields import CustomStatus, Id, Input, Seq
from store.models import Status


class Authenticate(Input, frozen=True):
    token: str


class JoinRoom(Input, frozen=True):
    room_id: Id
    since: Seq | None = None
    since_rev: Seq | None = None


class OneRoom(Input, frozen=True):
    """leaveRoom, startTyping, stopTyping, getPresence, getRoomStats."""

    room_id: Id


class MessageRead(Input, frozen=True):
    room_id: Id
    seq: Seq


class UpdatePresence(Input, frozen=True):
    status: Status
    custom_status: CustomStatus | UnsetType | None = UNSET


class Heartbeat(Input, frozen=True):
    pass
