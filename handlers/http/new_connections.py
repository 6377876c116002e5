"""Connections that were accepted and of which nothing was received yet: what their first bytes are decides who serves
them.

A new connection costs a socket and its place on the event loop, and no object of Tornado's: those are made for
requests. One timer serves all, for the bound on the time until a head is complete is the same for each.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class NewConnection:
    """One accepted socket. `counted_as` is the address that it counts for; `accepted_at` is on the loop's clock."""

    __slots__ = ("_connections", "accepted_at", "address", "counted_as", "first_bytes", "has_more", "sock", "upgrade")

    def __init__(
        self, connections: NewConnections, sock: socket.socket, address: Any, *, counted_as: str, accepted_at: float
    ) -> None:
        self._connections = connections
        self.sock = sock
        self.address = address
        self.counted_as = counted_as
        self.accepted_at = accepted_at
        self.first_bytes = b""  # that were read, for whoever serves the connection
        self.has_more = False  # whether more can be read behind them
        self.upgrade: asyncio.Task[None] | None = None  # the server's, while its handshake is under way

    @property
    def idle_since(self) -> float | None:
        """None: it has not been idle between two requests."""
        return None

    @property
    def peer(self) -> str:
        """The peer's address."""
        return str(self.address[0])

    def close_when_answered(self) -> None:
        """Close it, unless its request is under way."""
        self._connections.close(self)

    def receive(self, max_bytes: int) -> None:
        """Add what is there to `first_bytes`. The end and a failure are for whoever serves the connection to find."""
        with suppress(OSError):
            self.first_bytes += self.sock.recv(max_bytes)

    def end_watch(self) -> None:
        """Let the loop watch the socket no more. Nobody may have taken it."""
        asyncio.get_running_loop().remove_reader(self.sock.fileno())

    def drop(self) -> None:
        """Close the socket, which nobody has taken."""
        self.end_watch()
        self.sock.close()

    async def wait_closed(self) -> None:
        """Wait until its handshake is over, if one is under way."""
        if self.upgrade is not None:
            await asyncio.wait([self.upgrade])

    async def close(self) -> None:
        """Close it, and give up its handshake."""
        if self.upgrade is None:
            self._connections.close(self)
        else:
            self.upgrade.cancel()
            await asyncio.wait([self.upgrade])


class NewConnections:
    """Watches new connections for their first bytes, for `head_s` seconds each.

    `on_bytes(connection)` is called once, on the loop, when a connection has become readable. The loop still knows its
    socket then, so that whoever takes it registers it in place; until then, if anything comes behind what was read,
    `has_more` is set. `on_closed(connection)` is called for one that was closed without.
    """

    def __init__(
        self,
        *,
        head_s: float,
        on_bytes: Callable[[NewConnection], None],
        on_closed: Callable[[NewConnection], None],
    ) -> None:
        self._head_s = head_s
        self._on_bytes = on_bytes
        self._on_closed = on_closed
        self._watched: dict[NewConnection, None] = {}  # in the order of their accept, so of their deadlines
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, sock: socket.socket, address: Any, *, counted_as: str) -> NewConnection:
        """Begin to watch an accepted socket, which must be non-blocking."""
        loop = asyncio.get_running_loop()
        connection = NewConnection(self, sock, address, counted_as=counted_as, accepted_at=loop.time())
        self._watched[connection] = None
        loop.add_reader(sock.fileno(), self._on_readable, connection)
        if self._timer is None:
            self._timer = loop.call_later(self._head_s, self._close_late)
        return connection

    def close(self, connection: NewConnection) -> None:
        """Close a connection that is watched; no effect on another."""
        if connection in self._watched:
            del self._watched[connection]
            connection.drop()
            self._on_closed(connection)

    def _on_readable(self, connection: NewConnection) -> None:
        if connection in self._watched:
            del self._watched[connection]
            self._on_bytes(connection)
        else:
            connection.has_more = True
            connection.end_watch()  # it would be called in each turn

    def _close_late(self) -> None:
        """Close those whose time is over: no reply is due to a peer that has sent nothing."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._watched:
            oldest = next(iter(self._watched))
            if oldest.accepted_at + self._head_s > loop.time():
                self._timer = loop.call_at(oldest.accepted_at + self._head_s, self._close_late)
                return
            self.close(oldest)

    def stop(self) -> None:
        """Close all that are watched."""
        for connection in list(self._watched):
            self.close(connection)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
