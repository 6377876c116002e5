"""A connection of the HTTP server: requests and their replies, one after the other, and how the connection ends.

Tornado 6.6 closes a connection without a word where a handler answers before the body was read, where headers are too
large, and where time is up; behind a proxy that keeps its connections each of these is a process that failed. Here a
reply that comes early is followed by what is left of the body, read and let go, and the connection lives on; where that
could be much, the reply says `Connection: close` and the close lingers. What cannot be read as a request gets a reply
too.

This leans on the insides of Tornado's HTTP1Connection, HTTP1ServerConnection and IOStream, which is why setup.cfg
bounds its version; tests/unit/handlers/http/test_server.py says what has to hold with a newer one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
)
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from handlers.http.lingering_close import LingeringCloses
from handlers.http.request_head import (
    HEAD_TOO_LARGE,
    HEADERS_MAX,
    INTERNAL,
    MALFORMED,
    TOO_LATE,
    HeadRefused,
    Refusal,
    body_length,
    check_host,
)

log = logging.getLogger("http")

HEAD_END = rb"\r?\n\r?\n"
BLANK = b"\r\n"
BLANKS_MAX = 8  # bytes of empty lines before a request (RFC 9112 section 2.2)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much and how long an HTTP connection may take before it is a WebSocket."""

    head_max_bytes: int = 32_768  # more than any proxy before us lets through: see deploy/nginx.conf
    # For all of a request's head: of a new connection since it is one, of a kept one since the first byte
    head_s: float = 10.0
    body_s: float = 10.0
    idle_s: float = 75.0  # more than nginx's keepalive_timeout, so that it is nginx who ends what is idle
    reply_s: float = 60.0  # for the peer to take a reply
    drain_max_bytes: int = 65_536  # of a body that nobody wants any more, so that the connection is kept
    leave_s: float = 2.0  # when the server stops, for replies under way
    linger_s: float = 5.0
    linger_max_bytes: int = 8 * 2**20  # what a client may still have under way that sends all before it reads
    lingering_max: int = 512
    # Over half of the messages that may wait for a stalled store (message_writer.py), each on one
    connections_max: int = 6_144
    connections_by_address_max: int = 128


class Surroundings(Protocol):
    """What a connection needs of the server that it belongs to."""

    bounds: Bounds
    is_leaving: bool  # each reply from now on ends its connection
    lingering: LingeringCloses
    conn_params: HTTP1ConnectionParameters

    def refusal(self, refusal: Refusal, peer: str) -> bytes:
        """The whole reply, counted and logged."""


class HeadStream(IOStream):
    """A stream whose bounded reads end at their bound;
    IOStream's own closes, and nothing could be answered any more.
    """

    def _find_read_pos(self) -> int | None:
        try:
            return super()._find_read_pos()
        except UnsatisfiableReadError:
            assert self._read_max_bytes is not None
            return min(self._read_max_bytes, self._read_buffer_size)


class _Answered(Exception):
    """The reply is complete and ends the connection: what is left of the body is for who lingers."""


class Exchange(HTTP1Connection):
    """One request of a connection and its reply."""

    def __init__(self, server: Surroundings, connection: ServerConnection, *, is_first: bool) -> None:
        super().__init__(connection.stream, False, connection.params, connection.context)
        self._server = server
        self._bounds = server.bounds
        self._is_first = is_first
        self._timer: asyncio.TimerHandle | None = None
        self._body_left: int | None = 0  # None: it comes in chunks
        self._awaits_continue = False
        self._is_detached = False
        self._has_begun = False
        self._counted_as = connection.counted_as
        self._waits_since = asyncio.get_running_loop().time()

    @property
    def idle_since(self) -> float | None:
        """When it began to wait for another request on a connection that is kept; None where that is not so."""
        if self._is_first or self._has_begun or self.stream.closed() or self.has_more_to_read:
            return None
        return self._waits_since

    def leave(self) -> None:
        """The server stops: end the connection where no request is under way; else its reply will."""
        if not self._has_begun:
            self.close()

    async def serve(self, delegate: HTTPMessageDelegate) -> bool:
        """Read a request and have it answered; returns whether another may follow on the connection."""
        is_open_request = False
        try:
            start_line, headers = self._parse(await self._read_head())
            is_open_request = True
            prepared = delegate.headers_received(start_line, headers)
            if prepared is not None:
                await prepared
            if self._is_detached:  # it is a WebSocket now
                is_open_request = False
                return False
            await self._read_all_of_body(delegate)
            if not self._write_finished:
                delegate.finish()
                is_open_request = False
            await self._reply_is_sent()
        except StreamClosedError:
            return False
        except _Answered:
            await self._reply_is_sent()
        except HeadRefused as refused:
            self._refuse(refused.refusal)
            return False
        except HTTPInputError:
            self._refuse(MALFORMED)
            return False
        except Exception:
            log.exception("request failed outside of its handler")
            self._refuse(INTERNAL)
            return False
        finally:
            self._within(None)
            if is_open_request:
                delegate.on_connection_close()
            self._clear_callbacks()
        if self._disconnect_on_finish and not self._is_detached:
            self._linger()
        return not self._disconnect_on_finish and not self._is_detached

    # ---- reading -------------------------------------------------------------------------------------------------

    async def _read_head(self) -> bytes:
        """Raises StreamClosedError, also when time is up; then what was begun is answered."""
        bounds = self._bounds
        if self._is_first:
            self._within(bounds.head_s, self._close_silently)
        else:
            self._within(bounds.idle_s, self._close_silently)
        byte = await self.stream.read_bytes(1)
        self._begin_head()
        for _ in range(BLANKS_MAX):
            if byte not in BLANK:
                break
            byte = await self.stream.read_bytes(1)
        head = byte + await self.stream.read_until_regex(HEAD_END, max_bytes=bounds.head_max_bytes)
        self._within(None)
        if not head.endswith((b"\n\n", b"\n\r\n")) or head.count(b"\n") > HEADERS_MAX:
            raise HeadRefused(HEAD_TOO_LARGE)
        return head

    def _begin_head(self) -> None:
        """From here on, who is late is told so."""
        self._has_begun = True
        left_s = self._bounds.head_s
        if self._is_first and self._timer is not None:
            left_s = self._timer.when() - asyncio.get_running_loop().time()
        self._within(left_s, lambda: self._refuse(TOO_LATE))

    def _parse(self, head: bytes) -> tuple[RequestStartLine, HTTPHeaders]:
        """Raises HTTPInputError, HeadRefused."""
        line, headers = self._parse_headers(head)
        start_line = parse_request_start_line(line)
        self._request_start_line, self._request_headers = start_line, headers
        check_host(start_line.version, headers)
        self._body_left = body_length(start_line, headers)
        self._awaits_continue = (
            self._body_left != 0
            and start_line.version != "HTTP/1.0"
            and headers.get("Expect", "").lower() == "100-continue"
        )
        self._disconnect_on_finish = not self._can_keep_alive(start_line, headers)
        return start_line, headers

    async def _read_all_of_body(self, delegate: HTTPMessageDelegate) -> None:
        """Raises _Answered where the reply came first and the rest of the body is nothing to wait for."""
        if self._body_left != 0:
            if self._write_finished and self._disconnect_on_finish:
                raise _Answered
            if self._awaits_continue:
                self._awaits_continue = False
                self.stream.write(CONTINUE)
            self._within(self._bounds.body_s, self._end_late_body)
            if self._body_left is None:
                await self._read_chunked_body(delegate)
            else:
                await self._read_fixed_body(self._body_left, delegate)
            self._within(None)
        self._read_finished = True

    async def _deliver_body(self, delegate: HTTPMessageDelegate, data: bytes) -> None:
        if self._body_left is not None:
            self._body_left -= len(data)
        if not self._write_finished:
            taken = delegate.data_received(data)
            if taken is not None:
                await taken
        if self._write_finished and self._disconnect_on_finish:
            raise _Answered

    # ---- the reply -----------------------------------------------------------------------------------------------

    def write_headers(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        if not self._is_kept_after_reply():
            self._disconnect_on_finish = True
            if (
                self._request_headers is not None
                and self._request_headers.get("Connection", "").lower() == "keep-alive"
            ):
                del self._request_headers["Connection"]  # else Tornado would promise an HTTP/1.0 client to keep it
        return super().write_headers(start_line, headers, chunk)

    def _is_kept_after_reply(self) -> bool:
        """Whether so little of the body is left that it can be read and let go. What waits for a 100 may never come."""
        if self._server.is_leaving:
            return False
        left = self._body_left
        return self._read_finished or (
            left is not None and left <= self._bounds.drain_max_bytes and not self._awaits_continue
        )

    def finish(self) -> None:
        """As Tornado's; but that a body is still coming does not end the connection by itself."""
        was_read, self._read_finished = self._read_finished, True
        try:
            super().finish()
        finally:
            self._read_finished = was_read
        if not self._finish_future.done():
            self._within(self._bounds.reply_s, self._close_silently)

    def _finish_request(self, future: asyncio.Future[None] | None) -> None:
        """The reply is with the kernel. Who reads the request goes on; Tornado's own would close here."""
        self._clear_callbacks()
        self.stream.set_nodelay(False)
        if not self._finish_future.done():
            self._finish_future.set_result(None)

    async def _reply_is_sent(self) -> None:
        if not self._finish_future.done() and not self.stream.closed():
            if self._write_finished:  # reading the rest of the body has put its own time in place of the reply's
                self._within(self._bounds.reply_s, self._close_silently)
            self.stream.set_close_callback(self._on_connection_close)
            await self._finish_future

    def detach(self) -> IOStream:
        self._is_detached = True
        return super().detach()

    @property
    def has_more_to_read(self) -> bool:
        """Whether bytes that came after what was read of the request are waiting."""
        return bool(self.stream._read_buffer_size)

    def end_after_reply(self) -> None:
        """The reply, which has not begun, says that it is the last."""
        self._disconnect_on_finish = True

    # ---- ends ----------------------------------------------------------------------------------------------------

    def _within(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        """Do this after so long, in place of what was to be done before; None: do nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and then is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in a handler's place, where no answer has begun, and end the connection."""
        begun = self._response_start_line is not None or self.stream.closed() or self.stream.writing()
        self._linger(b"" if begun else self._server.refusal(refusal, str(self.context)))

    def _end_late_body(self) -> None:
        if self._write_finished:
            self._linger()
        else:
            self._refuse(TOO_LATE)

    def _linger(self, last_words: bytes = b"") -> None:
        sock = taken(self.stream)
        if sock is None and last_words and not self.stream.closed():
            with suppress(OSError):  # without a descriptor to linger with, they are sent all the same
                self.stream.socket.send(last_words)
        self.close()
        if sock is not None:
            self._server.lingering.add(sock, last_words, whose=self._counted_as)

    def _close_silently(self) -> None:
        """No request is under way, or nobody takes the reply."""
        self.close()


def taken(stream: IOStream) -> socket.socket | None:
    """The stream's socket, where it is still open; the stream itself may then be closed."""
    if stream.closed():
        return None
    try:
        return socket.socket(fileno=os.dup(stream.socket.fileno()))
    except OSError:  # no descriptor is left
        return None


class ServerConnection(HTTP1ServerConnection):
    """One connection: an exchange after the other."""

    stream: IOStream
    params: HTTP1ConnectionParameters
    context: Any

    def __init__(self, server: Surroundings, stream: IOStream, context: Any, *, counted_as: str) -> None:
        super().__init__(stream, server.conn_params, context)
        self._server = server
        self.counted_as = counted_as
        self._exchange = Exchange(server, self, is_first=True)

    def leave(self) -> None:
        """End it where no request is under way; else the reply says that it is the last, if the server is leaving."""
        self._exchange.leave()

    @property
    def idle_since(self) -> float | None:
        """When it became idle, between two requests; None where it is in use or was never used."""
        return self._exchange.idle_since

    async def over(self) -> None:
        """Wait until the last reply is sent."""
        if self._serving_future is not None:
            await asyncio.wait([self._serving_future])

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            while await self._exchange.serve(delegate.start_request(self, self._exchange)):
                self._exchange = Exchange(self._server, self, is_first=False)
                await asyncio.sleep(0)
        finally:
            delegate.on_close(self)
