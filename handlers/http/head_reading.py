"""Reads the head of a request on a connection that is kept or new, in the time that it has. Knows no request.

A head that comes whole, as most do, is taken by one look at what was received. One that comes in parts, or has empty
lines before it, is read as its parts come; its time is limited from its first byte on.
"""

from __future__ import annotations

import asyncio

from tornado.http1connection import HTTP1ConnectionParameters

from handlers.http import request_head
from handlers.http.exchange_timer import ExchangeTimer
from handlers.http.http_bounds import HttpBounds
from handlers.http.reply_connection import ReplyConnection
from handlers.http.request_head import HeadRefused, Refusal
from handlers.http.stream import HeadStream

HEAD_END = rb"\r?\n\r?\n"
BLANK = b"\r\n"
BLANKS_MAX = 8  # bytes of empty lines before a request (RFC 9112 section 2.2)


class HeadReading(ReplyConnection):
    """A connection that reads a head, and knows whether one has begun; see RequestExchange for the arguments."""

    def __init__(
        self,
        stream: HeadStream,
        params: HTTP1ConnectionParameters,
        context: object,
        *,
        bounds: HttpBounds,
        timer: ExchangeTimer,
        accepted_at: float | None,
    ) -> None:
        super().__init__(stream, False, params, context)
        self._bounds = bounds
        self._timer = timer
        self._accepted_at = accepted_at
        self._has_begun = False
        self._waits_since = asyncio.get_running_loop().time()

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _close_silently(self) -> None:
        """Close without a reply: none is due, or the peer does not receive it."""
        self.close()

    @property
    def idle_since(self) -> float | None:
        """Since when a kept connection has been waiting for another request; None if it is in use or new."""
        return self._waits_since if self._accepted_at is None and self._awaits_request else None

    def close_when_answered(self) -> None:
        """Close the connection if no request has begun, else after the reply."""
        if self._awaits_request:
            self.close()

    @property
    def _awaits_request(self) -> bool:
        """Whether nothing of a request has come: else the read is over, though nobody may have been told yet."""
        return not self._has_begun and self.stream.reading() and not self.has_more_to_read

    @property
    def has_more_to_read(self) -> bool:
        """Whether more bytes than the request have been received."""
        return bool(self.stream._read_buffer_size)

    async def _read_head(self) -> bytes:
        """Raises HeadRefused, and StreamClosedError, also on a timeout, which is answered if the head has begun."""
        self._timer.set(self._left_s(self._bounds.idle_s), self._close_silently)
        is_new = self._accepted_at is not None
        if is_new or not self.has_more_to_read:
            head = await self.stream.until_head(self._bounds.head_max_bytes, at_once=is_new)
            self._has_begun = True
        else:
            self._has_begun = True
            await asyncio.sleep(0)  # who sends request after request lets the others have their turns
            head = self.stream.take_head(self._bounds.head_max_bytes)
        if not head:
            head = await self._read_late_head()
        self._timer.clear()
        if not head.endswith((b"\n\n", b"\n\r\n")) or head.count(b"\n") > request_head.HEADERS_MAX:
            raise HeadRefused(request_head.HEAD_TOO_LARGE)
        return head

    async def _read_late_head(self) -> bytes:
        """Read a head that does not come whole, or has empty lines before it. Raises as _read_head."""
        byte = await self.stream.read_bytes(1)
        blanks = 0
        while byte in BLANK and blanks < BLANKS_MAX:
            if not blanks:
                self._limit_time_of_head()
            blanks += 1
            byte = await self.stream.read_bytes(1)
        rest = asyncio.ensure_future(self.stream.read_until_regex(HEAD_END, max_bytes=self._bounds.head_max_bytes))
        if not blanks and not rest.done():
            self._limit_time_of_head()
        head: bytes = byte + await rest
        return head

    def _limit_time_of_head(self) -> None:
        """The head has begun, and is not complete: from now on a timeout is answered with 408."""
        self._timer.set(self._left_s(self._bounds.head_s), lambda: self._refuse(request_head.TOO_LATE))

    def _left_s(self, on_kept_s: float) -> float:
        """How long the head may still take: of a new connection since its accept, of a kept one `on_kept_s`."""
        if self._accepted_at is None:
            return on_kept_s
        return max(self._accepted_at + self._bounds.head_s - asyncio.get_running_loop().time(), 0.0)
