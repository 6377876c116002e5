"""permessage-deflate (RFC 7692) without context takeover in either direction: a message is compressed once for all
connections.

A context per connection would cost 159 KB each. Off unless WS_COMPRESSION is set. Knows no socket.

What clients sent compressed is inflated only when its turn has come, and within a budget: 88 bytes may be 64 KB.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque

from handlers.wire.frames import INVALID_PAYLOAD, TOO_BIG, WireError, checked_text, compressed_text_frame, text_frame

WORTH_BYTES = 128  # shorter messages hardly shrink
STRANGERS_MAX_BYTES = 16_384  # of a message before authentication
TOTAL_BYTES = 33_554_432  # of all messages that are inflated, and not carried out yet
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


class Inflation:
    """Inflates texts; what those hold that are not let go yet is bounded by `max_total_bytes`, past which the next one
    waits, in order.

    A connection has one at a time, of `max_message_bytes` at most, so that is its own budget; a stranger's is
    STRANGERS_MAX_BYTES.
    """

    def __init__(self, *, max_message_bytes: int, max_total_bytes: int = TOTAL_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._max_total_bytes = max(max_total_bytes, max_message_bytes)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.held_bytes = 0

    async def text(self, deflated: bytes, *, is_stranger: bool) -> bytes:
        """Return the message, which is held until `release(len(message))`.

        Raises Failure for a bomb, and for what is no text.
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
        """A message is done with."""
        self.held_bytes -= size
        self._wake_next()

    async def _room_for(self, size: int) -> None:
        is_first = not self._waiting  # who comes now is behind those that wait
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
