"""Structs as compact UTF-8 JSON, parts of JSON put together, and the body of a refusal.

The only module that imports ujson. ujson never decodes: it accepts NaN and lone surrogates.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import ujson

from chat.errors import ChatError


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


def error_body(error: ChatError) -> dict[str, object]:
    """Return what every refusal says, over REST and WebSocket alike."""
    return {"code": error.code, "message": error.message, "details": error.details}
