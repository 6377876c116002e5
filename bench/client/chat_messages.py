"""The contract's JSON for the load client: the commands that it sends and the events that it checks."""

from __future__ import annotations

import msgspec

from bench.errors import BenchError

BUSY = frozenset({"unavailable", "rate_limited"})  # error codes of an overloaded server
CHANGES = frozenset({"messageEdited", "messageDeleted", "reactionUpdated"})
DUE_DIGITS = 20  # a message's content begins with the monotonic nanosecond at which it was due


class ReceivedMessage(msgspec.Struct, frozen=True, gc=False):
    """A `receiveMessage`: `due_ns` is None when the content was not made by this bench."""

    room_id: str
    seq: int
    client_id: str | None
    due_ns: int | None


class ReceivedChange(msgspec.Struct, frozen=True, gc=False):
    """An edit, a deletion or a reaction: `due_ns` is that of an edit by this bench, None for any other change."""

    room_id: str
    rev: int
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
    id: str = ""
    rev: int = 0


class _Receive(msgspec.Struct, frozen=True, gc=False):
    data: _Message


class _Changed(msgspec.Struct, frozen=True, rename="camel", gc=False):
    room_id: str
    rev: int
    message: _Message


class _ChangeEvent(msgspec.Struct, frozen=True, gc=False):
    event: str
    data: _Changed


class _Missed(msgspec.Struct, frozen=True, gc=False):
    seq: int


class JoinAck(msgspec.Struct, frozen=True):
    """The ack of joinRoom, as far as it is checked."""

    seq: int
    rev: int = 0
    missed: list[_Missed] = []
    truncated: bool = False
    reset: bool = False


class MessageAck(msgspec.Struct, frozen=True):
    """The ack of sendMessage or of a change of a message, or the reply to POST /messages, as far as it is checked."""

    message: _Message


class ErrorEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An `error` event; `retry_after` in seconds."""

    code: str
    message: str = ""
    retry_after: float | None = None


_receive = msgspec.json.Decoder(_Receive)
_change_event = msgspec.json.Decoder(_ChangeEvent)
_reply = msgspec.json.Decoder(Reply)
_joined = msgspec.json.Decoder(JoinAck)
_acked = msgspec.json.Decoder(MessageAck)
_posted = msgspec.json.Decoder(MessageAck)
_error_event = msgspec.json.Decoder(ErrorEvent)
_encode = msgspec.json.encode


Event = ReceivedMessage | ReceivedChange | Reply


def decode_event(payload: bytes) -> Event:
    """A server event. Raises BenchError where it is not one."""
    try:
        if not payload.startswith(b'{"event":"receiveMessage"'):
            reply = _reply.decode(payload)
            if reply.event in CHANGES:
                return _received_change(_change_event.decode(payload))
            if reply.event != "receiveMessage":
                return reply
        message = _receive.decode(payload).data
    except msgspec.MsgspecError as error:
        raise BenchError(f"the server sent no event of the contract: {error}") from error
    return ReceivedMessage(message.room_id, message.seq, message.client_id, _due_ns(message))


def _received_change(event: _ChangeEvent) -> ReceivedChange:
    # A reaction leaves the content as an earlier edit made it.
    due_ns = _due_ns(event.data.message) if event.event == "messageEdited" else None
    return ReceivedChange(event.data.room_id, event.data.rev, due_ns)


def _due_ns(message: _Message) -> int | None:
    due = (message.content or "")[:DUE_DIGITS]
    return int(due) if due.isdecimal() else None


def decode_join_ack(data: msgspec.Raw) -> JoinAck:
    """Raises msgspec.MsgspecError."""
    return _joined.decode(data)


def decode_message_ack(data: msgspec.Raw) -> MessageAck:
    """Raises msgspec.MsgspecError."""
    return _acked.decode(data)


def decode_error(data: msgspec.Raw) -> ErrorEvent:
    """Raises msgspec.MsgspecError."""
    return _error_event.decode(data)


def decode_posted(body: bytes) -> _Message:
    """The message of a reply to POST /messages. Raises msgspec.MsgspecError."""
    return _posted.decode(body).message


def join_command(room_id: str, since: int | None = None, since_rev: int | None = None) -> bytes:
    """A joinRoom; with `since` and `since_rev` of a connection that comes back."""
    data: dict[str, object] = {"roomId": room_id}
    if since is not None:
        data["since"] = since
    if since_rev is not None:
        data["sinceRev"] = since_rev
    return _encode({"event": "joinRoom", "id": "join", "data": data})


def send_command(room_id: str, client_id: str, due_ns: int, content_bytes: int) -> bytes:
    """A sendMessage of `content_bytes` bytes of content, at least the 20 that say when it was due."""
    data = {"roomId": room_id, "content": _content(due_ns, content_bytes), "clientId": client_id}
    return _encode({"event": "sendMessage", "id": client_id, "data": data})


def post_body(room_id: str, client_id: str, due_ns: int, content_bytes: int) -> bytes:
    """The body of a POST /messages, whose content is as that of `send_command`."""
    return _encode({"roomId": room_id, "content": _content(due_ns, content_bytes), "clientId": client_id})


def edit_command(message_id: str, command_id: str, due_ns: int, content_bytes: int) -> bytes:
    """An editMessage, whose content is as that of `send_command`."""
    data = {"messageId": message_id, "content": _content(due_ns, content_bytes)}
    return _encode({"event": "editMessage", "id": command_id, "data": data})


def react_command(message_id: str, command_id: str, emoji: str, *, on: bool) -> bytes:
    """An addReaction (`on`) or a removeReaction."""
    event = "addReaction" if on else "removeReaction"
    return _encode({"event": event, "id": command_id, "data": {"messageId": message_id, "emoji": emoji}})


def _content(due_ns: int, content_bytes: int) -> str:
    return f"{due_ns:0{DUE_DIGITS}d}".ljust(content_bytes, "x")


def heartbeat_command() -> bytes:
    return _encode({"event": "heartbeat", "id": "heartbeat", "data": {}})
