"""The contract's JSON for the load client: the commands that it sends and the events that it checks."""

from __future__ import annotations

import msgspec

from bench.errors import BenchError

BUSY = frozenset({"unavailable", "rate_limited"})  # error codes of an overloaded server
DUE_DIGITS = 20  # a message's content begins with the monotonic nanosecond at which it was due


class ReceivedMessage(msgspec.Struct, frozen=True, gc=False):
    """A `receiveMessage`: `due_ns` is None when the content was not made by this bench."""

    room_id: str
    seq: int
    client_id: str | None
    due_ns: int | None


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Any other event; `data` still encoded."""

    event: str
    data: msgspec.Raw
    id: str | None = None


class _Message(msgspec.Struct, frozen=True, rename="camel", gc=False):
    room_id: str
    seq: int
    content: str | None
    client_id: str | None = None


class _Receive(msgspec.Struct, frozen=True, gc=False):
    data: _Message


class JoinAck(msgspec.Struct, frozen=True):
    """The ack of joinRoom, as far as it is checked."""

    seq: int


class MessageAck(msgspec.Struct, frozen=True):
    """The ack of sendMessage, as far as it is checked."""

    message: _Message


class ErrorEvent(msgspec.Struct, frozen=True):
    """An `error` event."""

    code: str
    message: str = ""


_receive = msgspec.json.Decoder(_Receive)
_reply = msgspec.json.Decoder(Reply)
_joined = msgspec.json.Decoder(JoinAck)
_acked = msgspec.json.Decoder(MessageAck)
_error_event = msgspec.json.Decoder(ErrorEvent)
_encode = msgspec.json.encode


def decode_event(payload: bytes) -> ReceivedMessage | Reply:
    """A server event. Raises BenchError where it is not one."""
    try:
        if not payload.startswith(b'{"event":"receiveMessage"'):
            reply = _reply.decode(payload)
            if reply.event != "receiveMessage":
                return reply
        message = _receive.decode(payload).data
    except msgspec.MsgspecError as error:
        raise BenchError(f"the server sent no event of the contract: {error}") from error
    due = (message.content or "")[:DUE_DIGITS]
    return ReceivedMessage(message.room_id, message.seq, message.client_id, int(due) if due.isdecimal() else None)


def decode_join_ack(data: msgspec.Raw) -> JoinAck:
    """Raises msgspec.MsgspecError."""
    return _joined.decode(data)


def decode_message_ack(data: msgspec.Raw) -> MessageAck:
    """Raises msgspec.MsgspecError."""
    return _acked.decode(data)


def decode_error(data: msgspec.Raw) -> ErrorEvent:
    """Raises msgspec.MsgspecError."""
    return _error_event.decode(data)


def join_command(room_id: str) -> bytes:
    return _encode({"event": "joinRoom", "id": "join", "data": {"roomId": room_id}})


def send_command(room_id: str, client_id: str, due_ns: int, content_bytes: int) -> bytes:
    """A sendMessage of `content_bytes` bytes of content, at least the 20 that say when it was due."""
    content = f"{due_ns:0{DUE_DIGITS}d}".ljust(content_bytes, "x")
    data = {"roomId": room_id, "content": content, "clientId": client_id}
    return _encode({"event": "sendMessage", "id": client_id, "data": data})


def heartbeat_command() -> bytes:
    return _encode({"event": "heartbeat", "id": "heartbeat", "data": {}})
