"""Client frames with every field settable, so that a test can build invalid ones, and a parser of server frames (RFC
6455 section 5.2).
"""

from __future__ import annotations

import zlib

MASK = b"\x37\xfa\x21\x3d"  # the one of section 5.7
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length_bytes: int | None = None,
) -> bytes:
    """One frame.

    `reserved` are RSV1-3 as 4, 2, 1; `length_bytes` 0, 2 or 8 overrides the shortest form of the length.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65_536 else 8
    marked = {0: size, 2: 126, 8: 127}[length_bytes] | (0x80 if mask is not None else 0)
    head = bytes((opcode | (reserved << 4) | (0x80 if final else 0), marked))
    if length_bytes:
        head += size.to_bytes(length_bytes, "big")
    if mask is None:
        return head + payload
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    """Apply the mask to a payload (RFC 6455 section 5.3)."""
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def deflated(payload: bytes) -> bytes:
    """A message as permessage-deflate sends it (RFC 7692 section 7.2.1)."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def server_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Parse the frame at the start of `data`: its first byte, its payload, and the remaining data.

    None if the frame is incomplete.
    """
    if len(data) < 2:
        return None
    size, start = data[1], 2
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        return None
    return data[0], data[start : start + size], data[start + size :]


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason
