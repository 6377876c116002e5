"""The request that opens a WebSocket connection of the bench."""

from __future__ import annotations

import base64
import os


def upgrade_request(host: str, port: int, token: str) -> bytes:
    """The head of GET /ws with an access token."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
