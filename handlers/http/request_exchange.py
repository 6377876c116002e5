"""One HTTP request and its reply, and how the connection ends after it.

Tornado 6.6 closes a connection without a reply if a handler answers before the body is read, if headers are too large,
and on a timeout; a proxy that keeps its connections counts each of these as a failed process. Here an early reply is
followed by the rest of the body, which is read and discarded, and the connection is kept. If the rest could be large,
the reply says `Connection: close` and the close lingers (lingering_close.py). Bytes that are no request get a reply.

This relies on private parts of Tornado's HTTP1Connection and IOStream, so setup.cfg bounds Tornado's version.
tests/unit/handlers/test_private_apis.py lists the names, tests/unit/handlers/http/test_server.py tests the behaviour.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from tornado.http1connection import HTTP1ConnectionParameters
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    parse_request_start_line,
)
from tornado.iostream import IOStream, StreamClosedError

from handlers.http import request_head
from handlers.http.exchange_timer import ExchangeTimer
from handlers.http.head_reading import HeadReading
from handlers.http.ordinary_head import parse_fields
from handlers.http.request_head import HeadRefused, Refusal
from handlers.http.server_contract import ServerContract
from handlers.http.stream import HeadStream, duplicate_socket

log = logging.getLogger("http")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Answered(Exception):
    """The reply is complete and ends the connection; the rest of the body is discarded by the lingering close."""


class RequestExchange(HeadReading):
    """One request of a connection and its reply.

    `timer` is the connection's. `accepted_at`: when that was accepted, None on a kept one. `refused`: what the handler
    is to answer.
    """

    def __init__(
        self,
        stream: HeadStream,
        params: HTTP1ConnectionParameters,
        context: object,
        *,
        server: ServerContract,
        timer: ExchangeTimer,
        counted_as: str,
        accepted_at: float | None,
        refused: Exception | None,
    ) -> None:
        super().__init__(stream, params, context, bounds=server.bounds, timer=timer, accepted_at=accepted_at)
        self._server = server
        self.refused = refused
        self._body_left: int | None = 0  # bytes; None: it is chunked
        self._awaits_continue = False
        self._is_upload = False
        self._body_bytes = 0  # that have been received
        self._is_detached = False
        self._counted_as = counted_as

    @property
    def has_body(self) -> bool:
        """Whether the request has a body; known as soon as its head is."""
        return self._body_left != 0

    async def serve(self, delegate: HTTPMessageDelegate) -> bool:
        """Read a request and have it answered; returns whether another may follow on the connection."""
        is_open_request = False
        try:
            start_line, headers = self._parse(await self._read_head())
            is_open_request = True
            prepared = delegate.headers_received(start_line, headers)
            if prepared is not None:
                await prepared
            if self._is_detached:  # the connection is a WebSocket now
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
            self._refuse(request_head.MALFORMED)
            return False
        except Exception:
            log.exception("request failed outside of its handler")
            self._refuse(request_head.INTERNAL)
            return False
        finally:
            self._timer.clear()
            if is_open_request:
                delegate.on_connection_close()
            self._clear_callbacks()
        if self._disconnect_on_finish and not self._is_detached:
            self._linger()
        return not self._disconnect_on_finish and not self._is_detached

    # ---- reading -------------------------------------------------------------------------------------------------

    def _parse(self, head: bytes) -> tuple[RequestStartLine, HTTPHeaders]:
        """Raises HTTPInputError, HeadRefused."""
        line, headers = parse_fields(head) or self._parse_headers(head)
        start_line = parse_request_start_line(line)
        self._request_start_line, self._request_headers = start_line, headers
        request_head.check_host(start_line.version, headers)
        self._body_left = request_head.body_length(start_line, headers)
        self._awaits_continue = (
            self._body_left != 0
            and start_line.version != "HTTP/1.0"
            and headers.get("Expect", "").lower() == "100-continue"
        )
        self._disconnect_on_finish = not self._can_keep_alive(start_line, headers)
        return start_line, headers

    async def _read_all_of_body(self, delegate: HTTPMessageDelegate) -> None:
        """Raises _Answered if the reply is sent already and ends the connection."""
        if self._body_left != 0:
            if self._write_finished and self._disconnect_on_finish:
                raise _Answered
            if self._awaits_continue:
                self._awaits_continue = False
                self.stream.write(CONTINUE)
            if self._is_upload:
                self._timer.require_progress(
                    self._bounds.body_s, self._bounds.upload_min_bytes, lambda: self._body_bytes, self._end_late_body
                )
            else:
                self._timer.set(self._bounds.body_s, self._end_late_body)
            if self._body_left is None:
                await self._read_chunked_body(delegate)
            else:
                await self._read_fixed_body(self._body_left, delegate)
            self._timer.clear()
        self._read_finished = True

    def expect_upload(self) -> None:
        """Give the body all the time that it needs while it comes, `upload_min_bytes` in each `body_s` at least."""
        self._is_upload = True

    async def _deliver_body(self, delegate: HTTPMessageDelegate, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_left is not None:
            self._body_left -= len(data)
        if not self._write_finished:
            accepted = delegate.data_received(data)
            if accepted is not None:
                await accepted
        if self._write_finished and self._disconnect_on_finish:
            raise _Answered

    # ---- the reply -----------------------------------------------------------------------------------------------

    def _is_kept_after_reply(self) -> bool:
        """Whether the rest of the body can be discarded: it is small, and its client does not wait for a 100."""
        if self._server.is_stopping:
            return False
        left = self._body_left
        return self._read_finished or (
            left is not None and left <= self._bounds.drain_max_bytes and not self._awaits_continue
        )

    def finish(self) -> None:
        """As Tornado's, except that an unread body does not end the connection by itself."""
        was_read, self._read_finished = self._read_finished, True
        try:
            super().finish()
        finally:
            self._read_finished = was_read
        self._limit_time_of_reply()

    def _limit_time_of_reply(self) -> None:
        if not self._finish_future.done():
            self._timer.set(self._bounds.reply_s, self._close_silently)

    def _finish_request(self, future: asyncio.Future[None] | None) -> None:
        """The kernel has taken the reply: `serve` goes on, where Tornado's own method would close the connection."""
        self._clear_callbacks()
        self.stream.set_nodelay(False)
        if not self._finish_future.done():
            self._finish_future.set_result(None)

    async def _reply_is_sent(self) -> None:
        if not self._finish_future.done() and not self.stream.closed():
            if self._write_finished:  # the timeout of the body has replaced the reply's
                self._timer.set(self._bounds.reply_s, self._close_silently)
            self.stream.set_close_callback(self._on_connection_close)
            await self._finish_future

    def detach(self) -> IOStream:
        self._is_detached = True
        return super().detach()

    def end_after_reply(self) -> None:
        """Close the connection after the reply, which must not have begun."""
        self._disconnect_on_finish = True

    # ---- ends ----------------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        """Send a refusal, unless a reply has begun, and end the connection."""
        begun = self._response_start_line is not None or self.stream.closed() or self.stream.writing()
        self._linger(b"" if begun else self._server.refusal(refusal, str(self.context)))

    def _end_late_body(self) -> None:
        if self._write_finished:
            self._linger()
        else:
            self._refuse(request_head.TOO_LATE)

    def _linger(self, last_bytes: bytes = b"") -> None:
        sock = duplicate_socket(self.stream)
        if sock is None and last_bytes and not self.stream.closed():
            with suppress(OSError):  # no descriptor is free to linger with: send them all the same
                self.stream.socket.send(last_bytes)
        self.close()
        if sock is not None:
            self._server.lingering.add(sock, last_bytes, address=self._counted_as)
