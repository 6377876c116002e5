"""Tornado's HTTP server, listening: which connections are accepted, how many at once, and how they end when it stops.

What happens on a connection is in connection.py. This overrides TCPServer._handle_connection, which is private:
tests/unit/handlers/test_private_apis.py lists what else is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.netutil import add_accept_handler
from tornado.web import Application

from handlers.http.connection import ServerConnection
from handlers.http.http_bounds import HttpBounds
from handlers.http.lingering_close import LingeringCloses
from handlers.http.request_head import BODY_MAX_BYTES, CROWDED, Refusal
from handlers.http.stream import HeadStream
from limits.ip_addresses import Network, fold_address, is_within

log = logging.getLogger("http")

WARN_EVERY_S = 60.0


class BoundedHTTPServer(HTTPServer):
    """Serves an application on at most `connections_max` connections; further ones wait in the kernel's queue."""

    bounds: HttpBounds

    def initialize(  # type: ignore[override]
        self,
        application: Application,
        *,
        bounds: HttpBounds,
        trusted_proxies: Sequence[Network],
        on_refusal: Callable[[Refusal, str, str], None],
    ) -> None:
        """`on_refusal` is called for each reply that no handler made, with the peer's address and the request id."""
        super().initialize(
            application,
            xheaders=False,  # it would trust any peer; handlers/client_address.py trusts TRUSTED_PROXIES only
            max_header_size=bounds.head_max_bytes,
            max_body_size=BODY_MAX_BYTES,  # each handler has its own bound, and answers 413 while it reads
            body_timeout=bounds.body_s,
            idle_connection_timeout=bounds.idle_s,
        )
        self.bounds = bounds
        self.lingering = LingeringCloses(
            at_most=bounds.lingering_max, within_s=bounds.linger_s, max_bytes=bounds.linger_max_bytes
        )
        self._trusted_proxies = trusted_proxies
        self._on_refusal = on_refusal
        self._by_address: defaultdict[str, set[ServerConnection]] = defaultdict(set)
        self.is_stopping = False
        self._is_paused = False
        self._warned_at: dict[str, float] = {}

    def refusal(self, refusal: Refusal, peer: str) -> bytes:
        """Report a refusal to `on_refusal`, and return the reply to send."""
        request_id = secrets.token_hex(8)
        self._on_refusal(refusal, peer, request_id)
        return refusal.reply(request_id)

    # ---- accepting -----------------------------------------------------------------------------------------------

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for sock in sockets:
            self._sockets[sock.fileno()] = sock
        self._accept()

    def _accept(self) -> None:
        self._is_paused = False
        for descriptor, sock in self._sockets.items():
            self._handlers[descriptor] = add_accept_handler(sock, self._handle_connection)

    def _handle_connection(self, connection: socket.socket, address: Any) -> None:
        peer = str(address[0])
        counted_as = "" if is_within(peer, self._trusted_proxies) else fold_address(peer)
        if counted_as and not self._has_room(counted_as):
            self._warn("too many connections", address=counted_as)
            self.lingering.add(connection, self.refusal(CROWDED, peer), address=counted_as)
            return
        stream = HeadStream(connection)
        serving = ServerConnection(self, stream, _HTTPRequestContext(stream, address, None), counted_as=counted_as)
        self._by_address[counted_as].add(serving)
        self._connections.add(serving)
        serving.start_serving(self)
        if len(self._connections) >= self.bounds.connections_max and not self._is_paused:
            self._is_paused = True
            self._warn("accepting waits", connections=len(self._connections))
            for stop_accepting in self._handlers.values():
                stop_accepting()

    def _has_room(self, address: str) -> bool:
        """Whether this address may have one more connection; if it is full, the one idle for longest is closed."""
        connections = self._by_address.get(address, ())
        if len(connections) < self.bounds.connections_by_address_max:
            return True
        idle = [(since, serving) for serving in connections if (since := serving.idle_since) is not None]
        if idle:
            min(idle, key=itemgetter(0))[1].close_when_answered()
        return bool(idle)

    def on_close(self, server_conn: object) -> None:
        super().on_close(server_conn)
        assert isinstance(server_conn, ServerConnection)
        self._by_address[server_conn.counted_as].discard(server_conn)
        if not self._by_address[server_conn.counted_as]:
            del self._by_address[server_conn.counted_as]
        if self._is_paused and not self._stopped:
            self._accept()

    def _warn(self, what: str, **fields: object) -> None:
        """Log a warning, each at most once a minute."""
        now = time.monotonic()
        if now - self._warned_at.get(what, -WARN_EVERY_S) >= WARN_EVERY_S:
            self._warned_at[what] = now
            log.warning(what, extra={"fields": fields})

    # ---- the end -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop listening and close idle connections. Each reply from now on ends its connection."""
        super().stop()
        self.is_stopping = True
        for serving in list(self._connections):
            assert isinstance(serving, ServerConnection)
            serving.close_when_answered()

    async def close_all_connections(self) -> None:
        """Wait up to `stop_s` for unfinished replies, then close all connections."""
        waits = [
            asyncio.ensure_future(serving.wait_closed())
            for serving in self._connections
            if isinstance(serving, ServerConnection)
        ]
        if waits:
            _, late = await asyncio.wait(waits, timeout=self.bounds.stop_s)
            for wait in late:
                wait.cancel()
        await super().close_all_connections()
        self.lingering.close()
