"""Runs the handler of a request that has no body: in the task of its connection.

Tornado runs each handler in a task of its own, which says by one future that it has looked at the head, and waits on
another for the body. Where there is no body, that is four turns of the loop for nothing: 35 µs of CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, RequestHandler


class HandlerRun(HTTPMessageDelegate):
    """One run of a handler, which ends with its reply."""

    def __init__(
        self,
        application: Application,
        request: HTTPServerRequest,
        handler_class: type[RequestHandler],
        handler_kwargs: Mapping[str, Any],
        path_args: Sequence[bytes],
    ) -> None:
        self._application = application
        self._request = request
        self._handler_class = handler_class
        self._handler_kwargs = handler_kwargs
        self._path_args = path_args

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None]:
        body: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        body.set_result(None)  # all of it is there
        self._request._body_future = body
        handler = self._handler_class(self._application, self._request, **self._handler_kwargs)
        return handler._execute([], *self._path_args)

    def finish(self) -> None:
        """Do nothing: the handler has run."""

    def on_connection_close(self) -> None:
        """Do nothing: the handler ends by itself, and finds its connection closed."""
