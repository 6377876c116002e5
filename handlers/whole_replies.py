"""Replies that are complete when they are sent: their default headers, and their way to the connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

from tornado.httputil import HTTPHeaders, format_timestamp
from tornado.web import RequestHandler

from handlers.http.request_exchange import RequestExchange

date_of: Callable[[int], str] = lru_cache(maxsize=2)(format_timestamp)  # by the second: made for each reply it is 7 µs


class WholeReplies(RequestHandler):
    """A handler whose replies have the headers of ours, and may be sent at once."""

    def clear(self) -> None:
        """As Tornado's, without the headers that none of our replies keeps."""
        self._headers = HTTPHeaders()
        self._headers["Date"] = date_of(int(time.time()))
        self.set_default_headers()
        self._write_buffer: list[bytes] = []
        self.set_status(200)

    def set_default_headers(self) -> None:
        self.set_header("Server", "chat-rooms")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """Return None: Tornado would hash every reply, and no reply here may be stored (Cache-Control)."""

    def finish_whole(self, body: bytes) -> None:
        """As `finish`, in half the time; no reply with a cookie is sent so, nor a part of one."""
        connection = self.request.connection
        if self._finished or self._headers_written or hasattr(self, "_new_cookie"):
            self.finish(body)
            return
        assert isinstance(connection, RequestExchange)
        self._headers["Content-Length"] = str(len(body))
        connection.set_close_callback(None)  # it holds this handler
        connection.write_reply(self._status_code, self._reason, self._headers, body)
        self._headers_written = self._finished = True
        self._log()
        self.on_finish()
        self._break_cycles()
