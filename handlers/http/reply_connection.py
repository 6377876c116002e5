"""Writes a whole reply to a connection at once: head and body in one write. Knows no request's body."""

from __future__ import annotations

import asyncio

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, RequestStartLine, ResponseStartLine

from handlers.http.stream import HeadStream

LINE_END = "\r\n"


class ReplyConnection(HTTP1Connection):
    """Tornado's connection, with a shorter way for replies that are not written in parts.

    A subclass decides whether the connection is kept, and limits the time in which the peer takes a reply.
    """

    stream: HeadStream

    def _is_kept_after_reply(self) -> bool:
        raise NotImplementedError

    def _limit_time_of_reply(self) -> None:
        raise NotImplementedError

    def write_headers(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        self._decide_on_end()
        return super().write_headers(start_line, headers, chunk)

    def _decide_on_end(self) -> None:
        """A reply begins: does it end the connection?"""
        if self._is_kept_after_reply():
            return
        self._disconnect_on_finish = True
        if self._request_headers is not None and self._request_headers.get("Connection", "").lower() == "keep-alive":
            del self._request_headers["Connection"]  # else an HTTP/1.0 client would be promised a kept connection

    def write_reply(self, status: int, reason: str, headers: HTTPHeaders, body: bytes) -> None:
        """Write a reply and finish: what `write_headers` and `finish` do for one in parts, in half the time.

        Raises ValueError, before anything is written, for a header with a line break in it.
        """
        self._decide_on_end()
        request, asked = self._request_start_line, self._request_headers
        assert request is not None and asked is not None
        if request.version == "HTTP/1.1":
            if self._disconnect_on_finish:
                headers["Connection"] = "close"
        elif asked.get("Connection", "").lower() == "keep-alive":
            headers["Connection"] = "Keep-Alive"
        lines = [f"HTTP/1.1 {status} {reason}", *[f"{name}: {value}" for name, value in headers.get_all()], "", ""]
        head = LINE_END.join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise ValueError("a header of the reply has a line break in it")
        self._response_start_line = ResponseStartLine("", status, reason)
        self._write_finished = True
        if self.stream.closed():
            self._finish_request(None)
            return
        self.stream.set_nodelay(True)
        written = self.stream.send_whole(head.encode("latin1") + (b"" if request.method == "HEAD" else body))
        if written is None or written.done():
            self._finish_request(None)
        else:
            written.add_done_callback(self._finish_request)
        self._limit_time_of_reply()
