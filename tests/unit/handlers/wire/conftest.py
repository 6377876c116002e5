"""Links on real TCP connections of the loopback, each with a peer that the test controls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from common.paced_callbacks import PacedCallbacks
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from handlers.wire.websocket_link import WebSocketLink
from tests.support.raw_websocket_client import reset
from tests.support.waiting import ChangeSignal

WITHIN_S = 30.0
KERNEL_BYTES = 16_384  # small, so that few bytes fill the buffers of a peer that does not read


class RecordingOwner:
    """The owner of a link, which records the callbacks."""

    def __init__(self, link: WebSocketLink[RecordingOwner]) -> None:
        self.link = link
        self.received: list[Any] = []
        self.closed_with: list[int] = []
        self.pause_after: int | None = None
        self.over = False
        self.peer_gone = False
        self.has_more_to_do = False
        self.closes_floods = False
        self._changed = ChangeSignal()

    def on_text(self, payload: bytes, *, is_deflated: bool = False) -> None:
        self._note(("deflated", payload) if is_deflated else payload)

    def on_binary(self) -> None:
        self._note("binary")

    def on_flood(self) -> None:
        self._note("flood")
        if self.closes_floods:
            self.link.close(1008)

    def on_input_over(self) -> None:
        self.over = True
        self._changed.notify()
        if not self.has_more_to_do:
            self.link.finish()

    def on_peer_gone(self) -> None:
        assert not self.link.has_peer
        self.peer_gone = True
        self._changed.notify()

    def on_closed(self, code: int) -> None:
        self.closed_with.append(code)
        self._changed.notify()

    def _note(self, what: Any) -> None:
        self.received.append(what)
        self._changed.notify()
        if self.pause_after is not None and len(self.received) >= self.pause_after:
            self.pause_after = None
            self.link.pause_reading()

    async def until(self, condition: Callable[[], object]) -> None:
        await self._changed.until(condition, WITHIN_S)

    async def ended(self) -> list[int]:
        """Wait for the end; returns the codes of `on_closed`, which should be one."""
        await self.until(lambda: self.closed_with)
        return self.closed_with


class Peer:
    """The other end of a connection, which reads only when the test calls `read`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        self._data = b""
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(self._loop.sock_sendall(self.sock, data), WITHIN_S)

    async def read(self, size: int) -> bytes:
        """Read exactly `size` bytes."""
        while len(self._data) < size:
            data = await asyncio.wait_for(self._loop.sock_recv(self.sock, 65_536), WITHIN_S)
            assert data, f"the link ended after {self._data!r}"
            self._data += data
        found, self._data = self._data[:size], self._data[size:]
        return found

    async def read_to_end(self) -> bytes:
        """Read until the link has ended its half."""
        while data := await asyncio.wait_for(self._loop.sock_recv(self.sock, 65_536), WITHIN_S):
            self._data += data
        found, self._data = self._data, b""
        return found

    def reset(self) -> None:
        reset(self.sock)


class LinkFactory:
    """Makes links and their peers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.budget = OutboxBudget(1 << 30)
        self.traffic = Traffic()
        self._sockets: list[socket.socket] = []

    def connect(
        self, *, budget: OutboxBudget | None = None, **more: Any
    ) -> tuple[WebSocketLink[RecordingOwner], RecordingOwner, Peer]:
        """A started link; the kernel's buffers are small."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            ours = socket.socket()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            ours.connect(listener.getsockname())
            theirs, _ = listener.accept()
        ours.setblocking(False)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets += (ours, theirs)
        link = WebSocketLink(
            ours,
            make_owner=RecordingOwner,
            **{
                "loop": asyncio.get_running_loop(),
                "max_message_bytes": 65_536,
                "outbox_max_bytes": 1 << 20,
                "budget": budget or self.budget,
                "traffic": self.traffic,
                "paced_callbacks": PacedCallbacks(loop=asyncio.get_running_loop()),
                "clock": lambda: self.now,
                **more,
            },
        )
        link.start()
        return link, link.owner, Peer(theirs)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def wire(io_loop: IOLoop) -> Iterator[LinkFactory]:
    one = LinkFactory()
    yield one
    one.close()
