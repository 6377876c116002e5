"""Parts of JSON put together, and the body of a refusal."""

from __future__ import annotations

from collections.abc import Iterable

from chat.errors import ChatError
from chat.protocol import encode

__all__ = ("array", "encode", "error_body", "splice")


def splice(**members: bytes) -> bytes:
    """Return a JSON object of members that are encoded already."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in members.items()) + b"}"


def array(items: Iterable[bytes]) -> bytes:
    """Return a JSON array of items that are encoded already."""
    return b"[" + b",".join(items) + b"]"


def error_body(error: ChatError) -> dict[str, object]:
    """Return what every refusal says, over REST and WebSocket alike."""
    return {"code": error.code, "message": error.message, "details": error.details}
