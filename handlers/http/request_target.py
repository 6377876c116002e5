"""Request targets in absolute form (RFC 9112 section 3.2.2) are rewritten to origin form. Knows no route.

Raises HeadRefused, which the server answers, for a target with an invalid host.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable

from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.web import Application

from handlers.http.request_head import BAD_HOST, HeadRefused, is_host

_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>[/?]?[^#]*)", re.IGNORECASE)


class TargetApplication(Application):
    """An application whose requests are all in origin form."""

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _OriginForm(super().start_request(server_conn, request_conn))


class _OriginForm(HTTPMessageDelegate):
    """Passes a request on, with its target in origin form."""

    def __init__(self, inner: HTTPMessageDelegate) -> None:
        self._inner = inner

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        if isinstance(start_line, RequestStartLine) and (target := _ABSOLUTE.fullmatch(start_line.path)) is not None:
            # The host of the target replaces the Host header (RFC 9112 section 3.2.2)
            if not is_host(target["authority"]):
                raise HeadRefused(BAD_HOST)
            headers["Host"] = target["authority"]
            rest = target["rest"]
            start_line = start_line._replace(path=rest if rest.startswith("/") else f"/{rest}")
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
