"""RFC 6455 frames, pure: received bytes → messages, pings, a close; payloads → a server's frames. Knows no socket.

Compressed texts (RFC 7692) are handed on as they came, for only so are they small; where compression was not agreed on
RSV1 is an error.
"""

from __future__ import annotations

import codecs
from enum import IntEnum
from typing import NamedTuple

from tornado.util import _websocket_mask as _mask


class Kind(IntEnum):
    """What came: the opcodes of section 5.2, DEFLATED, a text that is to be inflated, and FAILURE, after which nothing
    more is read.
    """

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    FAILURE = 16
    DEFLATED = 17


class Incoming(NamedTuple):
    """One message or control frame. `code` is the close code of CLOSE (1005: none given) and FAILURE."""

    kind: Kind
    payload: bytes
    code: int = 0


TEXT, BINARY, CLOSE, PING, PONG, FAILURE, DEFLATED = Kind
PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG, NO_STATUS = 1002, 1007, 1009, 1005

MAX_FRAGMENTS = 4096  # empty fragments cost no bytes, so they need a bound of their own
CONTROL_MAX = 125
ALL = 1 << 62


def text_frame(payload: bytes) -> bytes:
    """A whole text message in one frame. A server's frames are unmasked (5.1), so one copy serves every connection."""
    return _frame(0x81, payload)


def compressed_text_frame(deflated: bytes) -> bytes:
    """A text message that is compressed already (RFC 7692 section 6): RSV1 is set."""
    return _frame(0xC1, deflated)


def ping_frame(payload: bytes = b"") -> bytes:
    return _frame(0x89, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(0x8A, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A Close with a reason of at most 123 bytes, cut between characters (5.5.1)."""
    text = reason.encode()[: CONTROL_MAX - 2].decode(errors="ignore").encode()
    return _frame(0x88, code.to_bytes(2, "big") + text)


def _frame(head: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 65536:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


class Failure(Exception):
    """The peer has broken a rule; `code` is what the connection is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Fragments:
    """A message of which the last fragment has not come."""

    __slots__ = ("compressed", "count", "decoder", "kind", "parts", "size")

    def __init__(self, kind: Kind, *, compressed: bool) -> None:
        self.kind = kind
        self.compressed = compressed
        self.parts: list[bytes] = []
        self.count = 0
        self.size = 0
        # Text fails at the first bad byte, not at the end of the message (8.1).
        self.decoder = codecs.getincrementaldecoder("utf-8")() if kind is TEXT and not compressed else None


class FrameReader:
    """Cuts what a client sends into messages. Keeps the unfinished rest only; some 100 bytes when idle.

    `max_message_bytes` bounds a message over all its fragments, as it comes. With `deflates` compression was agreed on:
    then a text may come as DEFLATED, and a binary message, whose content nobody reads, compressed or not. `frames` is
    how many the last call has read, fragments and all; `is_held`: whole frames may be left, which `resume` reads.
    """

    __slots__ = ("_at", "_deflates", "_failed", "_fragments", "_max", "_rest", "_wanted", "frames", "is_held")

    def __init__(self, *, max_message_bytes: int, deflates: bool = False) -> None:
        self._max = max_message_bytes
        self._deflates = deflates
        self._rest: bytes | bytearray = b""
        self._at = 0  # how much of it is read already
        self._wanted = 0  # of a frame that is not whole, how many bytes must be there before it is worth a look
        self._fragments: _Fragments | None = None
        self._failed = False
        self.frames = 0
        self.is_held = False

    def feed(self, data: bytes, most: int = ALL, at: int = 0) -> list[Incoming]:
        """Take what was received, from `at` on; return what it completed, in order, of `most` frames.

        After a FAILURE all input is ignored.

        Who gives a bound had better not feed more while `is_held`: what waits would be copied each time.
        """
        if self._rest:
            rest = self._rest
            if not isinstance(rest, bytearray):
                rest = self._rest = bytearray(rest[self._at :])  # it grows with each piece, and is not copied for it
                self._at = 0
            rest += data
            if len(rest) < self._wanted:
                self.frames = 0
                return []
            self._let_go_of_rest()
            data = bytes(rest)
        found: list[Incoming] = []
        if self._failed:
            self.frames = 0
            return found
        end = len(data)
        left = most
        try:
            while end - at >= 2 and left:
                step = self._read_frame(data, at, end, found)
                if step == 0:
                    break
                at += step
                left -= 1
        except Failure as failure:
            self.forget()
            self.frames = most - left + 1
            found.append(Incoming(FAILURE, failure.reason.encode(), failure.code))
            return found
        self.frames = most - left
        if at < end:
            self.is_held = not left
            if left:
                self._rest = data[at:]
            else:
                self._rest, self._at = data, at  # the same bytes, for copying what is left each time would be quadratic
        return found

    def resume(self, most: int = ALL) -> list[Incoming]:
        """Read on in what was received, `most` frames of it."""
        rest, at = self._rest, self._at
        self._let_go_of_rest()
        return self.feed(bytes(rest), most, at)  # of what is bytes already that is no copy

    def close_ahead(self) -> int | None:
        """The code of a Close among the frames that are held; None if there is none.

        Goes by the headers, and reads nothing else.
        """
        data, at = self._rest, self._at
        end = len(data)
        while end - at >= 6:
            size = data[at + 1] & 0x7F
            body = at + 6
            if data[at] == 0x88:
                if body + size > end:
                    return None
                try:
                    return _control(CLOSE, _mask(bytes(data[at + 2 : body]), bytes(data[body : body + size]))).code
                except Failure:
                    return None  # that comes to light in its turn
            if size == 126:
                size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                size = 8 + int.from_bytes(data[at + 2 : at + 10], "big")
            at = body + size
        return None

    def _let_go_of_rest(self) -> None:
        self._rest = b""
        self._at = self._wanted = 0
        self.is_held = False

    def forget(self) -> None:
        """Let go of what is unfinished; from now on all input is ignored."""
        self._failed = True
        self._let_go_of_rest()
        self._fragments = None

    def _read_frame(self, data: bytes, at: int, end: int, found: list[Incoming]) -> int:
        """Read one frame at `at`; returns its length, 0 if it is not complete."""
        head, size = data[at], data[at + 1]
        if not size & 0x80:
            raise Failure(PROTOCOL_ERROR, "a client's frames are masked")  # 5.1
        size &= 0x7F
        opcode = head & 0x0F
        if opcode >= 8:
            if size > CONTROL_MAX or not head & 0x80:
                raise Failure(PROTOCOL_ERROR, "a control frame is short and whole")  # 5.5
            if opcode > 10:
                raise Failure(PROTOCOL_ERROR, "reserved opcode")  # 5.2
        elif opcode > 2:
            raise Failure(PROTOCOL_ERROR, "reserved opcode")
        if head & 0x70:
            self._check_reserved(head, opcode)
        body = at + 2
        if size == 126:
            if end - body < 2:
                return 0
            size = int.from_bytes(data[body : body + 2], "big")
            body += 2
            if size < 126:
                raise Failure(PROTOCOL_ERROR, "length not minimal")  # 5.2
        elif size == 127:
            if end - body < 8:
                return 0
            size = int.from_bytes(data[body : body + 8], "big")
            body += 8
            if size < 65536 or size >> 63:
                raise Failure(PROTOCOL_ERROR, "length not minimal")
        if opcode < 8:
            self._check_place(opcode, size)
        body += 4
        if end - body < size:
            self._wanted = body + size - at
            return 0
        payload = _mask(data[body - 4 : body], data[body : body + size])
        if head == 0x81:
            found.append(Incoming(TEXT, checked_text(payload)))
        elif opcode >= 8:
            found.append(_control(opcode, payload))
        else:
            self._take_fragment(head, opcode, payload, found)
        return body + size - at

    def _check_reserved(self, head: int, opcode: int) -> None:
        if head & 0x30 or not self._deflates or opcode not in (TEXT, BINARY):
            raise Failure(PROTOCOL_ERROR, "reserved bit")  # 5.2; RFC 7692 section 6.1: RSV1 on the first fragment only

    def _check_place(self, opcode: int, size: int) -> None:
        """Refuse a data frame by its header alone: out of its place (5.4), or too large."""
        fragments = self._fragments
        if (opcode == 0) != (fragments is not None):
            raise Failure(PROTOCOL_ERROR, "fragment out of order")
        if size + (fragments.size if fragments is not None else 0) > self._max:
            raise Failure(TOO_BIG, "message too big")

    def _take_fragment(self, head: int, opcode: int, payload: bytes, found: list[Incoming]) -> None:
        fragments = self._fragments
        if fragments is None:
            fragments = self._fragments = _Fragments(Kind(opcode), compressed=bool(head & 0x40))
        fragments.count += 1
        fragments.size += len(payload)
        if fragments.count > MAX_FRAGMENTS:
            raise Failure(TOO_BIG, "too many fragments")
        final = bool(head & 0x80)
        if fragments.decoder is not None:
            try:
                fragments.decoder.decode(payload, final)
            except UnicodeDecodeError as error:
                raise Failure(INVALID_PAYLOAD, "invalid UTF-8") from error
        if payload:
            fragments.parts.append(payload)
        if final:
            self._fragments = None
            kind = DEFLATED if fragments.compressed and fragments.kind is TEXT else fragments.kind
            found.append(Incoming(kind, b"".join(fragments.parts)))


def checked_text(payload: bytes) -> bytes:
    """A text's payload, which must be UTF-8 (5.6). Raises Failure."""
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            raise Failure(INVALID_PAYLOAD, "invalid UTF-8") from error
    return payload


def _control(opcode: int, payload: bytes) -> Incoming:
    if opcode != CLOSE:
        return Incoming(Kind(opcode), payload)
    if not payload:
        return Incoming(CLOSE, b"", NO_STATUS)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not _may_be_sent(code):
        raise Failure(PROTOCOL_ERROR, "invalid close code")  # 7.4
    return Incoming(CLOSE, checked_text(payload[2:]), code)


def _may_be_sent(code: int) -> bool:
    """Close codes that a frame may carry: 7.4.1 and IANA's registry, 3000-4999 for libraries and applications."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
