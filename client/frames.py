"""RFC 6455's frames as a client needs them: masked frames out, whole server frames in. Pure: bytes in, bytes out."""

from __future__ import annotations

import os

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80  # the bit of the last frame of a message, beside the opcode in a frame's first byte
FINAL_TEXT, FINAL_CLOSE, FINAL_PING, FINAL_PONG = (FINAL | opcode for opcode in (TEXT, CLOSE, PING, PONG))
UNBOUNDED = 1 << 63
_RESERVED = 0x70

NORMAL, PROTOCOL_ERROR, NO_STATUS, ABNORMAL, INVALID_TEXT, TOO_BIG = 1000, 1002, 1005, 1006, 1007, 1009


class FrameError(Exception):
    """The server broke RFC 6455. `code` is the close code for it (section 7.4.1)."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


def client_frame(opcode: int, payload: bytes, *, mask: bytes | None = None) -> bytes:
    """One final, masked frame (section 5.2). `mask`: four bytes; None takes new random ones, as section 5.3 asks."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    if size < 126:
        head = bytes((FINAL | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((FINAL | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((FINAL | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + mask + masked


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame; the reason is cut to what fits (section 5.5)."""
    return code.to_bytes(2, "big") + reason.encode()[:123].decode(errors="ignore").encode()


def split_frames(data: bytes, *, max_bytes: int = UNBOUNDED) -> tuple[list[tuple[int, bytes]], bytes]:
    """Whole frames as (first byte, payload), the first byte being FINAL and the opcode; and the unfinished rest.

    Raises FrameError for a masked frame, a reserved bit, and a payload over `max_bytes`, as soon as its length is read.
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
            raise FrameError(PROTOCOL_ERROR, "the server sent a masked frame")
        if first & _RESERVED:
            raise FrameError(PROTOCOL_ERROR, f"the server sent a reserved bit (first byte 0x{first:02x})")
        if size > max_bytes:
            raise FrameError(TOO_BIG, f"the server sent a frame of {size} bytes")
        if end < start + size:
            break
        frames.append((first, data[start : start + size]))
        at = start + size
    return frames, data[at:]
