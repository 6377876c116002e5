"""permessage-deflate (RFC 7692) without context takeover in either direction: a message is compressed once for all connections.

A context per connection would cost 159 KB each. Off unless WS_COMPRESSION is set. Knows no socket.
"""

from __future__ import annotations

import zlib

from handlers.wire.frames import compressed_text_frame, text_frame

WORTH_BYTES = 128  # shorter messages hardly shrink
_TAIL = b"\x00\x00\xff\xff"  # RFC 7692 section 7.2.1: what the sender cuts off and the receiver puts back

RESPONSE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def negotiate(offers: str) -> str | None:
    """Return the Sec-WebSocket-Extensions of the answer, or None where no offer can be taken (section 5.1).

    An offer that limits our window is declined: zlib's smallest is another, and no browser asks for it.
    """
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        known = {"client_no_context_takeover", "server_no_context_takeover", "client_max_window_bits"}
        if name.lower() == "permessage-deflate" and all(
            parameter.partition("=")[0].strip().lower() in known for parameter in parameters
        ):
            return RESPONSE
    return None


def inflate(data: bytes, limit: int) -> bytes | None:
    """Return the message, None if it is larger than `limit` bytes. Raises ValueError for what is no deflate stream."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = stream.decompress(data + _TAIL, limit + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return None if len(message) > limit else message


class Deflater:
    """Turns a run of a server's text frames into compressed ones, once however many links send them."""

    __slots__ = ("_last", "_result")

    def __init__(self) -> None:
        self._last = b""
        self._result = b""

    def frames(self, frames: bytes) -> bytes:
        """Compress each text frame; the same object gives the same answer without work. Others pass as they are."""
        if frames is self._last:
            return self._result
        parts = []
        at = 0
        while at < len(frames):
            head, size = frames[at], frames[at + 1]
            body = at + 2
            if size == 126:
                size, body = int.from_bytes(frames[body : body + 2], "big"), body + 2
            elif size == 127:
                size, body = int.from_bytes(frames[body : body + 8], "big"), body + 8
            payload = frames[body : body + size]
            parts.append(_compressed(payload) if head == 0x81 else frames[at : body + size])
            at = body + size
        self._last, self._result = frames, b"".join(parts)
        return self._result


def _compressed(payload: bytes) -> bytes:
    if len(payload) < WORTH_BYTES:
        return text_frame(payload)
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
    return compressed_text_frame(deflated)
