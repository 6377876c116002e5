"""RFC 6455 as a client needs it: masked text frames out, whole server frames in. Pure: bytes in, bytes out."""

from __future__ import annotations

import os

from bench.errors import BenchError

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_MASK = os.urandom(4)  # one per process: masking is there for intermediaries, and there are none here


def client_frame(opcode: int, payload: bytes) -> bytes:
    """One final, masked frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = (_MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
    return head + _MASK + masked


def split_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Whole frames as (opcode, payload) and the bytes of the unfinished one.

    Raises BenchError for what the server must not send here: masked or fragmented frames, reserved bits.
    """
    frames = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size, start = data[at], data[at + 1], at + 2
        if size == 126:
            if end < at + 4:
                break
            size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            if end < at + 10:
                break
            size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        elif size > 127:
            raise BenchError("the server sent a masked frame")
        if first & 0xF0 != 0x80:
            raise BenchError(f"the server sent a fragment or a reserved bit (first byte 0x{first:02x})")
        if end < start + size:
            break
        frames.append((first & 0x0F, data[start : start + size]))
        at = start + size
    return frames, data[at:]
