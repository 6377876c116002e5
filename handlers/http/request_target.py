"""Request targets: those in absolute form (RFC 9112 section 3.2.2) are rewritten to origin form, and each finds its row
of the route table by an index. Knows no route.

Raises HeadRefused, which the server answers, for a target with an invalid host.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from functools import cached_property
from typing import Any

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, RequestHandler

from handlers.http.handler_run import HandlerRun
from handlers.http.ordinary_head import Request
from handlers.http.request_exchange import RequestExchange
from handlers.http.request_head import BAD_HOST, HeadRefused, is_host
from handlers.http.route_index import RouteIndex

_ABSOLUTE = re.compile(r"https?://(?P<authority>[^/?#]*)(?P<rest>[/?]?[^#]*)", re.IGNORECASE)


class TargetApplication(Application):
    """An application whose requests are all in origin form, and whose routes are those of one table, for any host.

    Its setting `shares_contexts` says that no handler changes the context of the task that runs it.
    """

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _OriginForm(self, server_conn, request_conn)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return what Tornado's own method returns, found by an index."""
        found = self._index.find(request)
        if found is None:
            return super().find_handler(request, **kwargs)
        row, path_args = found
        return self.get_handler_delegate(request, row.target, row.target_kwargs, path_args)

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        path_args: list[bytes] | None = None,
        path_kwargs: dict[str, bytes] | None = None,
    ) -> Any:
        """Return the delegate that runs the handler: a task, or the task of the connection where nothing is lost."""
        if (
            getattr(target_class, "runs_in_connection", False)
            and self.settings["shares_contexts"]
            and isinstance(request.connection, RequestExchange)
            and not request.connection.has_body
        ):
            return HandlerRun(self, request, target_class, target_kwargs or {}, path_args or [])
        return super().get_handler_delegate(request, target_class, target_kwargs, path_args, path_kwargs)

    @cached_property
    def _index(self) -> RouteIndex:
        return RouteIndex(self.wildcard_router.rules)


class _OriginForm(HTTPMessageDelegate):
    """Passes a request on to its handler, with its target in origin form."""

    def __init__(self, application: TargetApplication, server_conn: object, request_conn: HTTPConnection) -> None:
        self._application = application
        self._server_conn = server_conn
        self._request_conn = request_conn
        self._inner: HTTPMessageDelegate | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)
        if not start_line.path.startswith("/") and (target := _ABSOLUTE.fullmatch(start_line.path)) is not None:
            # The host of the target replaces the Host header (RFC 9112 section 3.2.2)
            if not is_host(target["authority"]):
                raise HeadRefused(BAD_HOST)
            headers["Host"] = target["authority"]
            rest = target["rest"]
            start_line = start_line._replace(path=rest if rest.startswith("/") else f"/{rest}")
        request = Request(
            connection=self._request_conn,
            server_connection=self._server_conn,
            start_line=start_line,
            headers=headers,
        )
        inner: HTTPMessageDelegate = self._application.find_handler(request)
        self._inner = inner
        return inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        assert self._inner is not None
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        assert self._inner is not None
        self._inner.finish()

    def on_connection_close(self) -> None:
        if self._inner is not None:
            self._inner.on_connection_close()
