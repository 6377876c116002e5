"""RFC 6455 frames that a server sends, and the terms that both directions share. Pure: knows no socket."""

from __future__ import annotations

from enum import IntEnum


class FrameKind(IntEnum):
    """What was received: the opcodes of RFC 6455 section 5.2, and two of our own.

    DEFLATED is a text that is still compressed. FAILURE is a broken rule, after which nothing more is read.
    """

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    FAILURE = 16
    DEFLATED = 17


PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG, NO_STATUS = 1002, 1007, 1009, 1005  # close codes, RFC 6455 section 7.4.1
CONTROL_MAX_BYTES = 125  # of a control frame's payload, RFC 6455 section 5.5


class WireError(Exception):
    """The peer broke a rule of the protocol, or exceeded a bound; `code` is the close code that says so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def checked_text(payload: bytes) -> bytes:
    """Return a text's payload if it is valid UTF-8 (RFC 6455 section 5.6). Raises WireError 1007."""
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            raise WireError(INVALID_PAYLOAD, "invalid UTF-8") from error
    return payload


def text_frame(payload: bytes) -> bytes:
    """A text message in one frame. A server's frames are unmasked (section 5.1), so one copy serves all connections."""
    return _frame(0x81, payload)


def compressed_text_frame(deflated: bytes) -> bytes:
    """A text message that is compressed already: RSV1 is set (RFC 7692 section 6)."""
    return _frame(0xC1, deflated)


def ping_frame(payload: bytes = b"") -> bytes:
    """A ping, of at most 125 bytes."""
    return _frame(0x89, payload)


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping, with the ping's payload."""
    return _frame(0x8A, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A Close whose reason is cut, between characters, to 123 bytes (RFC 6455 section 5.5.1)."""
    text = reason.encode()[: CONTROL_MAX_BYTES - 2].decode(errors="ignore").encode()
    return _frame(0x88, code.to_bytes(2, "big") + text)


def _frame(head: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65536:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload
