"""A connection of the HTTP server: its requests and replies, one exchange after the other."""

from __future__ import annotations

import asyncio

from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import HTTPServerConnectionDelegate

from handlers.http.exchange_timer import ExchangeTimer
from handlers.http.request_exchange import RequestExchange
from handlers.http.server_contract import ServerContract
from handlers.http.stream import HeadStream


class ServerConnection(HTTP1ServerConnection):
    """One connection of the server: exchanges, one after the other.

    `counted_as` is the address that it counts for, "" for a trusted proxy. `accepted_at` is on the loop's clock.
    `refused` is what the handler of the first request is to answer, see RequestExchange.
    """

    stream: HeadStream
    params: HTTP1ConnectionParameters
    context: object

    def __init__(
        self,
        server: ServerContract,
        stream: HeadStream,
        context: object,
        *,
        counted_as: str,
        accepted_at: float,
        refused: Exception | None,
    ) -> None:
        super().__init__(stream, server.conn_params, context)
        self._server = server
        self.counted_as = counted_as
        self._timer = ExchangeTimer()
        self._exchange = self._next_exchange(accepted_at=accepted_at, refused=refused)

    def close_when_answered(self) -> None:
        """Close the connection if no request has begun; else its reply closes it, if the server is stopping."""
        self._exchange.close_when_answered()

    @property
    def idle_since(self) -> float | None:
        """Since when it has been idle between two requests; None if it is in use or new."""
        return self._exchange.idle_since

    async def wait_closed(self) -> None:
        """Wait until the last reply is sent."""
        if self._serving_future is not None:
            await asyncio.wait([self._serving_future])

    async def close(self) -> None:
        """Close the connection at once, and wait for its end. A handler that runs in its task is cancelled."""
        self.stream.close()
        if self._serving_future is not None:
            self._serving_future.cancel()
            await asyncio.wait([self._serving_future])

    def _next_exchange(self, *, accepted_at: float | None = None, refused: Exception | None = None) -> RequestExchange:
        return RequestExchange(
            self.stream,
            self.params,
            self.context,
            server=self._server,
            timer=self._timer,
            counted_as=self.counted_as,
            accepted_at=accepted_at,
            refused=refused,
        )

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            while await self._exchange.serve(delegate.start_request(self, self._exchange)):
                self._exchange = self._next_exchange()
        finally:
            self._timer.close()
            delegate.on_close(self)
