"""permessage-deflate (RFC 7692) without context takeover in either direction: a message is compressed once for all
connections.

A context per connection would cost 159 KB each. Off unless WS_COMPRESSION is set. Knows no socket.

A compressed message of a client is inflated only in its turn, and within a budget: 88 bytes may become 64 KB.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict, deque

from handlers.wire.server_frames import (
    INVALID_PAYLOAD,
    TOO_BIG,
    WireError,
    checked_text,
    compressed_text_frame,
    text_frame,
)

WORTH_BYTES = 128  # shorter messages shrink hardly at all, and are sent as they are
STRANGERS_MAX_BYTES = 16_384  # of an inflated message before authentication
RECENT_TEXT_MAX_BYTES = 65_536  # longer texts are answers to one connection, such as the pages of a joinRoom
RECENT_MAX_BYTES = 262_144  # of the kept texts and their compressed frames
TOTAL_BYTES = 33_554_432  # of all messages that are inflated and not executed yet
_TAIL = b"\x00\x00\xff\xff"  # RFC 7692 section 7.2.1: the sender removes it, the receiver appends it

RESPONSE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def negotiate(offers: str) -> str | None:
    """Return the Sec-WebSocket-Extensions of the answer, None if no offer can be accepted (RFC 7692 section 5.1).

    An offer that limits our window is declined: zlib does not support the smallest size, and no browser asks for it.
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
    """Return the message, None if it is larger than `limit` bytes. Raises ValueError if `data` is no deflate stream."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = stream.decompress(data + _TAIL, limit + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return None if len(message) > limit else message


class Inflation:
    """Inflates texts. Those that are not released yet hold at most `max_total_bytes`; past that, callers wait in order.

    A connection inflates one message at a time, of at most `max_message_bytes`, before authentication of at most
    STRANGERS_MAX_BYTES.
    """

    def __init__(self, *, max_message_bytes: int, max_total_bytes: int = TOTAL_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_total_bytes = max(max_total_bytes, max_message_bytes)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.held_bytes = 0

    async def text(self, deflated: bytes, *, is_stranger: bool) -> bytes:
        """Return the message, which is held until `release(len(message))`.

        Raises WireError 1009 if it is too large, 1007 if it is no valid UTF-8 or no deflate stream.
        """
        limit = min(self._max_message_bytes, STRANGERS_MAX_BYTES) if is_stranger else self._max_message_bytes
        await self._room_for(limit)
        try:
            message = inflate(deflated, limit)
        except ValueError as error:
            raise WireError(INVALID_PAYLOAD, "invalid compressed data") from error
        finally:
            self._wake_next()
        if message is None:
            raise WireError(TOO_BIG, "message too big")
        message = checked_text(message)
        self.held_bytes += len(message)
        return message

    def release(self, size: int) -> None:
        """A message of `size` bytes is executed: wake the next caller that waits for room."""
        self.held_bytes -= size
        self._wake_next()

    async def _room_for(self, size: int) -> None:
        is_first = not self._waiting  # a new caller queues behind those that wait
        while not is_first or self.held_bytes + size > self._max_total_bytes:
            turn = asyncio.get_running_loop().create_future()
            if is_first:
                self._waiting.appendleft(turn)
            else:
                self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._wake_next()
                raise
            is_first = True

    def _wake_next(self) -> None:
        if self._waiting and self.held_bytes < self._max_total_bytes:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


class Deflater:
    """Compresses a server's text frames, each text once for all links that send it.

    The texts that were compressed last are kept: an author gets a message behind the ack of it, in one run of frames,
    and the slices of several large rooms take turns.
    """

    __slots__ = ("_last", "_recent", "_result", "kept_bytes")

    def __init__(self) -> None:
        self._last = b""
        self._result = b""
        self._recent: OrderedDict[bytes, bytes] = OrderedDict()  # text → its compressed frame, the oldest first
        self.kept_bytes = 0

    def frames(self, frames: bytes) -> bytes:
        """Return the frames with each text compressed, others unchanged. The result for the last object is kept."""
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
            parts.append(self._text(payload) if head == 0x81 else frames[at : body + size])
            at = body + size
        self._last, self._result = frames, b"".join(parts)
        return self._result

    def _text(self, payload: bytes) -> bytes:
        if len(payload) < WORTH_BYTES:
            return text_frame(payload)
        frame = self._recent.get(payload)
        if frame is None:
            frame = _compressed(payload)
            if len(payload) <= RECENT_TEXT_MAX_BYTES:
                self._keep(payload, frame)
        return frame

    def _keep(self, payload: bytes, frame: bytes) -> None:
        self._recent[payload] = frame
        self.kept_bytes += len(payload) + len(frame)
        while self.kept_bytes > RECENT_MAX_BYTES:
            oldest, its_frame = self._recent.popitem(last=False)
            self.kept_bytes -= len(oldest) + len(its_frame)


def _compressed(payload: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
    return compressed_text_frame(deflated)
