"""The HTTP request that opens a WebSocket connection, and the server's answer to it. Pure: bytes in, bytes out."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|$)")
_RETRY_AFTER = re.compile(rb"^Retry-After:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_ACCEPT = re.compile(rb"^Sec-WebSocket-Accept:[ \t]*(\S+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def new_key() -> str:
    """A random Sec-WebSocket-Key."""
    return base64.b64encode(os.urandom(16)).decode()


def upgrade_request(host: str, path: str, headers: Mapping[str, str], *, key: str) -> bytes:
    """The head of the request. `host` is the Host header. Raises ValueError for what cannot stand in a head."""
    lines = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    head = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    if any(ch in line for line in head for ch in "\r\n\0"):
        raise ValueError("a line break in a header")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


def status_of(head: bytes) -> int | None:
    """The status of a reply's head; None if it is no HTTP."""
    found = _STATUS.match(head)
    return int(found[1]) if found else None


def is_accepted(head: bytes, key: str) -> bool:
    """Whether a 101 is the answer to this key (section 4.2.2)."""
    expected = base64.b64encode(hashlib.sha1(key.encode() + _GUID.encode()).digest())
    found = _ACCEPT.search(head)
    return found is not None and found[1] == expected


def retry_after_s(head: bytes) -> int | None:
    """When a reply asks to come again, in seconds (RFC 9110, section 10.2.3); None where it does not."""
    asked = _RETRY_AFTER.search(head)
    return int(asked[1]) if asked else None
