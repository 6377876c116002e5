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
from contextlib import suppress
from operator import itemgetter
from typing import Any

from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.netutil import add_accept_handler
from tornado.web import Application

from handlers.http.connection import ServerConnection
from handlers.http.http_bounds import HttpBounds
from handlers.http.lingering_close import LingeringCloses
from handlers.http.new_connections import NewConnection, NewConnections
from handlers.http.request_head import BODY_MAX_BYTES, CROWDED, Refusal
from handlers.http.running_handlers import RunningHandlers
from handlers.http.server_contract import Upgrades
from handlers.http.stream import HeadStream
from handlers.http.upgrade_request import HEAD_MAX_BYTES, UpgradeRequest, parse_upgrade
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
        upgrades: Upgrades | None = None,
        running: RunningHandlers | None = None,
    ) -> None:
        """`on_refusal` is called for each reply that no handler made, with the peer's address and the request id.

        `running` has the application's handlers that run, also those whose connection has ended.
        `upgrades` carries out ordinary WebSocket handshakes; None: the application's handlers carry out all.
        """
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
        self._upgrades = upgrades
        self._running = running or RunningHandlers()
        self._new = NewConnections(head_s=bounds.head_s, on_bytes=self._on_bytes, on_closed=self.on_close)
        self._by_address: defaultdict[str, set[ServerConnection | NewConnection]] = defaultdict(set)
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
        connection.setblocking(False)
        self._keep(self._new.watch(connection, address, counted_as=counted_as))
        if len(self._connections) >= self.bounds.connections_max and not self._is_paused:
            self._is_paused = True
            self._warn("accepting waits", connections=len(self._connections))
            for stop_accepting in self._handlers.values():
                stop_accepting()

    def _keep(self, connection: ServerConnection | NewConnection) -> None:
        self._by_address[connection.counted_as].add(connection)
        self._connections.add(connection)  # type: ignore[arg-type]

    def _on_bytes(self, new: NewConnection) -> None:
        """The first bytes of a connection are there: begin its handshake, or else give it to Tornado."""
        upgrade = None
        if self._upgrades is not None:
            new.receive(HEAD_MAX_BYTES)
            upgrade = parse_upgrade(new.first_bytes, self._upgrades.path)
        if upgrade is None or self._upgrades is None:
            self._serve(new)
        else:
            new.upgrade = asyncio.get_running_loop().create_task(self._upgrade(self._upgrades, new, upgrade))

    async def _upgrade(self, upgrades: Upgrades, new: NewConnection, request: UpgradeRequest) -> None:
        refused: Exception | None = None
        is_taken = False
        try:
            is_taken = await upgrades.take(new, request)
        except asyncio.CancelledError:
            new.drop()
            is_taken = True
            raise
        except Exception as error:
            refused = error
        finally:
            new.upgrade = None
            if is_taken:
                self.on_close(new)
        if not is_taken:
            self._serve(new, refused)

    def _serve(self, new: NewConnection, refused: Exception | None = None) -> None:
        """Give a connection to Tornado; `refused` is what the handler is to answer to its first request."""
        self._remove(new)
        new.end_watch()
        if new.has_more:  # else what came behind a refused handshake would be taken for a request
            new.receive(HEAD_MAX_BYTES)
        stream = HeadStream(new.sock, first_bytes=new.first_bytes)
        context = _HTTPRequestContext(stream, new.address, None)
        serving = ServerConnection(
            self, stream, context, counted_as=new.counted_as, accepted_at=new.accepted_at, refused=refused
        )
        self._keep(serving)
        serving.start_serving(self)

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
        assert isinstance(server_conn, ServerConnection | NewConnection)
        self._remove(server_conn)
        if self._is_paused and not self._stopped:
            self._accept()

    def _remove(self, connection: ServerConnection | NewConnection) -> None:
        self._connections.remove(connection)  # type: ignore[arg-type]
        self._by_address[connection.counted_as].discard(connection)
        if not self._by_address[connection.counted_as]:
            del self._by_address[connection.counted_as]

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
        self._new.stop()
        for serving in list(self._connections):
            assert isinstance(serving, ServerConnection | NewConnection)
            serving.close_when_answered()

    async def close_all_connections(self) -> None:
        """Wait up to `stop_s` for unfinished replies, and for handlers whose client is gone; then end all of them."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wait_for_replies(), self.bounds.stop_s)
        await super().close_all_connections()
        await self._running.cancel()
        self.lingering.close()

    async def _wait_for_replies(self) -> None:
        """Wait for unfinished replies, also for those to handshakes that are refused meanwhile."""
        waited_for: set[object] = set()
        while unfinished := self._connections - waited_for:
            waited_for |= unfinished
            await asyncio.gather(
                *(one.wait_closed() for one in unfinished if isinstance(one, ServerConnection | NewConnection))
            )
        await self._running.wait()
