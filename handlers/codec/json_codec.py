"""chat.codec.Codec in JSON, and the encoding of results for both REST and WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from chat.codec import Envelope
from chat.errors import ChatError
from chat.events import (
    Event,
    Mention,
    MessageChanged,
    MessageDeleted,
    MessageEdited,
    MessageReadUpdate,
    ReactionUpdated,
    ReceiveMessage,
    SettingsUpdated,
)
from chat.request_inputs.fields import Input
from chat.request_results.bots import WebhookPosted
from chat.request_results.messages import ChangedMessage, HistoryPage, PostedMessage
from chat.request_results.rooms import JoinedRoom
from handlers.codec.envelopes import parse_envelope
from handlers.codec.input_decoder import InputDecoder
from handlers.codec.json_encoding import array, encode, splice

T = TypeVar("T", bound=Input)


def _posted_message(posted: PostedMessage) -> bytes:
    if posted.duplicate:
        return b'{"message":%s,"duplicate":true}' % posted.message
    return b'{"message":%s}' % posted.message


def _history_page(page: HistoryPage) -> bytes:
    return b'{"messages":%s,"hasMore":%s,"rev":%d}' % (array(page.messages), _BOOL[page.has_more], page.rev)


_BOOL = {False: b"false", True: b"true"}


def _joined_room(joined: JoinedRoom) -> bytes:
    return splice(
        room=encode(joined.room),
        seq=b"%d" % joined.seq,
        rev=b"%d" % joined.rev,
        missed=array(joined.missed),
        truncated=_BOOL[joined.truncated],
        changes=array(joined.changes),
        changesTruncated=_BOOL[joined.changes_truncated],
        reset=_BOOL[joined.reset],
    )


class _ChangedData(Struct, frozen=True):
    message: Raw = Raw(b"")


class _ChangedFrame(Struct, frozen=True):
    data: _ChangedData


class _Place(Struct, frozen=True):
    seq: int


_decode_frame = msgspec.json.Decoder(_ChangedFrame).decode
_decode_place = msgspec.json.Decoder(_Place).decode


def _changed(event: MessageChanged) -> bytes:
    return splice(roomId=encode(event.room_id), rev=b"%d" % event.rev, message=event.message)


# Results that carry messages which are encoded already.
_SPLICED_RESULTS: Mapping[type, Callable[[Any], bytes]] = {
    PostedMessage: _posted_message,
    ChangedMessage: lambda changed: b'{"message":%s}' % changed.message,
    HistoryPage: _history_page,
    JoinedRoom: _joined_room,
    WebhookPosted: lambda posted: splice(ok=encode(posted.ok), message=posted.message),
    type(None): lambda _: b"{}",
}
# Events that carry such messages, and events whose data is one record.
_EVENT_DATA: Mapping[type, Callable[[Any], bytes]] = {
    ReceiveMessage: lambda event: event.message,
    MessageEdited: _changed,
    MessageDeleted: _changed,
    ReactionUpdated: _changed,
    Mention: lambda event: b'{"message":%s}' % event.message,
    MessageReadUpdate: lambda event: encode(event.state),
    SettingsUpdated: lambda event: encode(event.changed),
}


def encode_result(result: object) -> bytes:
    """Return what a use case returned as JSON; None becomes an empty object."""
    return _SPLICED_RESULTS.get(type(result), encode)(result)


class CommandError(Struct, frozen=True, rename="camel"):
    """The data of an `error` frame. `retry_after`: seconds after which the same may pass, None: unknown."""

    code: str
    message: str
    details: dict[str, object]
    retryable: bool
    retry_after: int | None


class JsonCodec:
    """Keeps no state."""

    def envelope(self, payload: bytes) -> Envelope:
        return parse_envelope(payload)

    def decoder(self, input_type: type[T]) -> InputDecoder[T]:
        return InputDecoder(input_type, takes_null=True)

    def encode(self, value: Struct) -> bytes:
        return encode(value)

    def event(self, event: Event) -> bytes:
        data = _EVENT_DATA.get(type(event), encode)(event)
        return b'{"event":"%s","data":%s}' % (event.name.encode(), data)

    def changed_message(self, payload: bytes) -> tuple[int, bytes] | None:
        message = bytes(_decode_frame(payload).data.message)
        return (_decode_place(message).seq, message) if message else None

    def ack(self, command_id: str, result: object) -> bytes:
        return b'{"event":"ack","id":%s,"data":%s}' % (encode(command_id), encode_result(result))

    def refusal(self, command_id: str | None, error: ChatError) -> bytes:
        data = CommandError(error.code, error.message, error.details, error.kind.retryable, error.retry_after_s)
        answer: dict[str, object] = {"event": "error", "data": data}
        if command_id is not None:
            answer["id"] = command_id
        return encode(answer)
