"""Cuts the bytes that a client sends into RFC 6455 messages and control frames. Pure: knows no socket.

Compressed texts (RFC 7692) are passed on as they came, because only compressed are they small. If compression was not
negotiated, RSV1 is an error.
"""

from __future__ import annotations

import codecs

import msgspec
from tornado.util import _websocket_mask as _mask

from handlers.wire.server_frames import (
    CONTROL_MAX_BYTES,
    INVALID_PAYLOAD,
    NO_STATUS,
    PROTOCOL_ERROR,
    TOO_BIG,
    FrameKind,
    WireError,
    checked_text,
)

TEXT, BINARY, CLOSE, PING, PONG, FAILURE, DEFLATED = FrameKind

MAX_FRAGMENTS = 4096  # of a message: empty fragments add no bytes, so the bound on bytes does not bound them
UNBOUNDED = 1 << 62


class Incoming(msgspec.Struct, frozen=True):
    """One message or control frame. `code` is the close code of a CLOSE (1005: it has none) or of a FAILURE."""

    kind: FrameKind
    payload: bytes
    code: int = 0


class _Fragments:
    """The fragments of a message whose last one has not arrived."""

    __slots__ = ("compressed", "count", "decoder", "kind", "parts", "size")

    def __init__(self, kind: FrameKind, *, compressed: bool) -> None:
        self.kind = kind
        self.compressed = compressed
        self.parts: list[bytes] = []
        self.count = 0
        self.size = 0
        # Text fails at its first invalid byte, not at the end of the message (section 8.1)
        self.decoder = codecs.getincrementaldecoder("utf-8")() if kind is TEXT and not compressed else None


class FrameParser:
    """The state of one connection's input: the bytes of an incomplete frame, the fragments of an incomplete message.

    `max_message_bytes` bounds the sum of a message's fragments, before it is inflated. `deflates` means that
    compression was negotiated: a compressed text is returned as DEFLATED, a binary message always as BINARY,
    because nobody reads its content. `frames` is how many frames the last call has read, fragments included. `is_held`
    means that complete frames may be left, which `resume` reads. An idle reader takes about 100 bytes.
    """

    __slots__ = ("_at", "_deflates", "_failed", "_fragments", "_max", "_rest", "_wanted", "frames", "is_held")

    def __init__(self, *, max_message_bytes: int, deflates: bool = False) -> None:
        self._max = max_message_bytes
        self._deflates = deflates
        self._rest: bytes | bytearray = b""
        self._at = 0  # the offset in `_rest` up to which it is read
        self._wanted = 0  # the size of an incomplete frame, if its header is complete
        self._fragments: _Fragments | None = None
        self._failed = False
        self.frames = 0
        self.is_held = False

    def whole_text(self, data: bytes) -> bytes | None:
        """Return the payload where `data` is exactly one whole text frame and nothing is held, as it mostly is.

        None: `feed` it, nothing was taken.
        """
        end = len(data)
        if end < 6 or data[0] != 0x81 or self._rest or self._failed or self._fragments is not None:
            return None
        size = data[1] - 0x80
        body = 6
        if size == 126 and end > 8:
            size = int.from_bytes(data[2:4], "big")
            body = 8
        elif size > 126:
            return None
        if size < 0 or end != body + size or size > self._max or (body == 8 and size < 126):
            return None
        payload = _mask(data[body - 4 : body], data[body:])
        try:
            checked_text(payload)
        except WireError:
            return None  # `feed` reports it
        self.frames = 1
        return payload

    def feed(self, data: bytes, most: int = UNBOUNDED, at: int = 0) -> list[Incoming]:
        """Take the received bytes from `at` on; return the messages that are complete now, from at most `most` frames.

        After a FAILURE all input is ignored. A caller that passes `most` should not feed more while `is_held`: all that
        is held would be copied each time.
        """
        if self._rest:
            rest = self._rest
            if not isinstance(rest, bytearray):
                rest = self._rest = bytearray(rest[self._at :])  # so that appending a piece does not copy the rest
                self._at = 0
            rest += data
            if len(rest) < self._wanted:
                self.frames = 0
                return []
            self._release_rest()
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
        except WireError as failure:
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
                self._rest, self._at = data, at  # not a slice: copying the rest each time would be quadratic
        return found

    def resume(self, most: int = UNBOUNDED) -> list[Incoming]:
        """Read at most `most` of the frames that are held."""
        rest, at = self._rest, self._at
        self._release_rest()
        return self.feed(bytes(rest), most, at)  # no copy if it is bytes already

    def close_ahead(self) -> int | None:
        """Return the code of a Close among the held frames, None if there is none. Reads the headers only."""
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
                except WireError:
                    return None  # it is reported when the frame is read
            if size == 126:
                size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                size = 8 + int.from_bytes(data[at + 2 : at + 10], "big")
            at = body + size
        return None

    def _release_rest(self) -> None:
        self._rest = b""
        self._at = self._wanted = 0
        self.is_held = False

    def forget(self) -> None:
        """Release what is incomplete, and ignore all input from now on."""
        self._failed = True
        self._release_rest()
        self._fragments = None

    def _read_frame(self, data: bytes, at: int, end: int, found: list[Incoming]) -> int:
        """Read the frame at `at`; returns its length in bytes, 0 if it is not complete. Raises WireError."""
        head, size = data[at], data[at + 1]
        if not size & 0x80:
            raise WireError(PROTOCOL_ERROR, "a client's frames are masked")  # section 5.1
        size &= 0x7F
        opcode = head & 0x0F
        if opcode >= 8:
            if size > CONTROL_MAX_BYTES or not head & 0x80:
                raise WireError(PROTOCOL_ERROR, "a control frame is short and whole")  # section 5.5
            if opcode > 10:
                raise WireError(PROTOCOL_ERROR, "reserved opcode")  # section 5.2
        elif opcode > 2:
            raise WireError(PROTOCOL_ERROR, "reserved opcode")
        if head & 0x70:
            self._check_reserved(head, opcode)
        body = at + 2
        if size == 126:
            if end - body < 2:
                return 0
            size = int.from_bytes(data[body : body + 2], "big")
            body += 2
            if size < 126:
                raise WireError(PROTOCOL_ERROR, "length not minimal")  # section 5.2
        elif size == 127:
            if end - body < 8:
                return 0
            size = int.from_bytes(data[body : body + 8], "big")
            body += 8
            if size < 65536 or size >> 63:
                raise WireError(PROTOCOL_ERROR, "length not minimal")
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
            raise WireError(
                PROTOCOL_ERROR, "reserved bit"
            )  # section 5.2; RFC 7692 section 6.1: RSV1 on the first fragment only

    def _check_place(self, opcode: int, size: int) -> None:
        """Refuse a data frame by its header: out of order (section 5.4), or too large. Raises WireError."""
        fragments = self._fragments
        if (opcode == 0) != (fragments is not None):
            raise WireError(PROTOCOL_ERROR, "fragment out of order")
        if size + (fragments.size if fragments is not None else 0) > self._max:
            raise WireError(TOO_BIG, "message too big")

    def _take_fragment(self, head: int, opcode: int, payload: bytes, found: list[Incoming]) -> None:
        fragments = self._fragments
        if fragments is None:
            fragments = self._fragments = _Fragments(FrameKind(opcode), compressed=bool(head & 0x40))
        fragments.count += 1
        fragments.size += len(payload)
        if fragments.count > MAX_FRAGMENTS:
            raise WireError(TOO_BIG, "too many fragments")
        final = bool(head & 0x80)
        if fragments.decoder is not None:
            try:
                fragments.decoder.decode(payload, final)
            except UnicodeDecodeError as error:
                raise WireError(INVALID_PAYLOAD, "invalid UTF-8") from error
        if payload:
            fragments.parts.append(payload)
        if final:
            self._fragments = None
            kind = DEFLATED if fragments.compressed and fragments.kind is TEXT else fragments.kind
            found.append(Incoming(kind, b"".join(fragments.parts)))


def _control(opcode: int, payload: bytes) -> Incoming:
    if opcode != CLOSE:
        return Incoming(FrameKind(opcode), payload)
    if not payload:
        return Incoming(CLOSE, b"", NO_STATUS)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not _may_be_sent(code):
        raise WireError(PROTOCOL_ERROR, "invalid close code")  # section 7.4
    return Incoming(CLOSE, checked_text(payload[2:]), code)


def _may_be_sent(code: int) -> bool:
    """Whether a Close frame may carry this code: section 7.4.1 and IANA's registry; 3000-4999 are for applications."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
