"""WebSocket frames as JSON: a client's frame becomes an Envelope, answers and events become bytes.

The only module that imports ujson. ujson never decodes: it accepts NaN and lone surrogates.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

import msgspec
import ujson
from msgspec import Raw, Struct

from chat.errors import ChatError
from chat.json_text import BOM, UNDECODABLE, has_character, is_surrogate, parse_any


class Envelope(Struct, frozen=True):
    """A frame as it came: which command, the client's id for the answer, and the data still undecoded."""

    event: str
    id: str | None = None
    data: Raw = Raw(b"{}")


_envelope = msgspec.json.Decoder(Envelope)


def parse_envelope(payload: bytes) -> Envelope:
    """Cut a frame into its parts. Raises ChatError malformed or validation_failed (an `id` that is no string)."""
    try:
        return _envelope.decode(payload)
    except UNDECODABLE as error:
        if payload.startswith(BOM):  # looked for only here: of a thousand frames none has one
            payload = payload.removeprefix(BOM)
            with contextlib.suppress(*UNDECODABLE):
                return _envelope.decode(payload)
        whole = parse_any(payload)
        if not isinstance(whole, dict) or not isinstance(whole.get("event"), str):
            raise ChatError("malformed") from error
        command_id = whole.get("id")
        if not isinstance(command_id, str | None):
            raise ChatError("validation_failed", details={"id": "takes a string"}) from error
        if has_character(command_id, is_surrogate):
            raise ChatError("validation_failed", details={"id": "holds a lone surrogate"}) from error
        # It is within the data: the command's own decoder will name the field, in an answer that has the id.
        return Envelope(whole["event"], command_id, Raw(json.dumps(whole.get("data", {})).encode()))


def builtins(value: object) -> Any:
    """Structs as dicts with camelCase names."""
    return msgspec.to_builtins(value)


def encode(value: object) -> bytes:
    """Encode structs, dicts and lists as compact UTF-8 JSON."""
    text: str = ujson.dumps(msgspec.to_builtins(value), ensure_ascii=False, escape_forward_slashes=False)
    return text.encode()


def splice(**members: bytes) -> bytes:
    """Return a JSON object of members that are encoded already."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in members.items()) + b"}"


def array(items: Iterable[bytes]) -> bytes:
    """Return a JSON array of items that are encoded already."""
    return b"[" + b",".join(items) + b"]"


def event(name: str, data: bytes) -> bytes:
    """Return an event's frame payload; `data` is encoded JSON."""
    return b'{"event":"%s","data":%s}' % (name.encode(), data)


def ack(command_id: str, data: bytes) -> bytes:
    """Return the answer to a command; `data` is encoded JSON."""
    return b'{"event":"ack","id":%s,"data":%s}' % (encode(command_id), data)


def error_body(error: ChatError) -> dict[str, object]:
    """What every refusal says, whichever way it travels."""
    return {"code": error.code, "message": error.message, "details": error.details}


def refusal(command_id: str | None, error: ChatError) -> bytes:
    """Return the `error` event that answers a command, or without an id, what could not be understood."""
    data = error_body(error) | {"retryable": error.kind.retryable, "retryAfter": error.retry_after_s}
    answer: dict[str, object] = {"event": "error", "data": data}
    if command_id is not None:
        answer["id"] = command_id
    return encode(answer)
