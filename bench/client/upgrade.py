"""The request that opens a WebSocket connection of the bench, and the reply of a server that is too busy for it."""

from __future__ import annotations

import base64
import os
import re

_UNAVAILABLE = b"HTTP/1.1 503 "
_RETRY_AFTER = re.compile(rb"^Retry-After: (\d+)\r?$", re.IGNORECASE | re.MULTILINE)


def upgrade_request(host: str, port: int, token: str) -> bytes:
    """The head of GET /ws with an access token."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


def retry_after_s(head: bytes) -> int | None:
    """When a 503 asks to try again, in seconds (RFC 9110, section 10.2.3); None for any other reply."""
    asked = _RETRY_AFTER.search(head) if head.startswith(_UNAVAILABLE) else None
    return int(asked[1]) if asked else None
