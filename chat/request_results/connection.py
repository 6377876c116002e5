"""What commands about the connection itself return."""

from __future__ import annotations

from msgspec import Struct


class HeartbeatAnswer(Struct, frozen=True):
    """The server's time, RFC 3339."""

    timestamp: str
