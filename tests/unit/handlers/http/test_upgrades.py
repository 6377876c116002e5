"""A handshake is carried out in a task, which the server's stop ends; its socket stays registered until it is taken."""

from __future__ import annotations

import asyncio
import socket

import pytest
from msgspec.structs import replace
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from chat.errors import ChatError
from handlers.http.http_bounds import HttpBounds
from handlers.http.new_connections import NewConnection
from handlers.http.request_exchange import RequestExchange
from handlers.http.server import BoundedHTTPServer
from handlers.http.server_contract import Arrival
from handlers.http.upgrade_request import UpgradeRequest
from tests.support.waiting import until_on_loop
from tests.unit.handlers.http.test_upgrade_request import head

pytestmark = pytest.mark.gen_test

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class CountedUpgrades:
    """Takes the socket, after `gate` is set where there is one, and counts the handshakes."""

    path = "/ws"

    def __init__(self, *, gate: asyncio.Event | None = None) -> None:
        self.begun = 0
        self.was_cancelled = self.had_more = False
        self._gate = gate

    async def take(self, arrival: Arrival, request: UpgradeRequest) -> bool:
        self.begun += 1
        if self._gate is not None:
            try:
                await self._gate.wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
        self.had_more = arrival.has_more
        arrival.sock.send(b"taken")
        arrival.drop()
        return True


class RefusedUpgrades(CountedUpgrades):
    """Leaves the answer to the handler, after `gate` is set."""

    async def take(self, arrival: Arrival, request: UpgradeRequest) -> bool:
        self.begun += 1
        assert self._gate is not None
        await self._gate.wait()
        raise ChatError("unavailable")


class RefusingHandler(RequestHandler):
    """Answers a handshake with what is known of it; as the product's, it ends a connection that has brought more."""

    async def get(self) -> None:
        connection = self.request.connection
        assert isinstance(connection, RequestExchange)
        if connection.has_more_to_read:
            connection.end_after_reply()
        for _ in range(20):
            await asyncio.sleep(0)  # as one that asks others: its reply is not of this turn
        self.finish(f"refused: {isinstance(connection.refused, ChatError)}, more: {connection.has_more_to_read}")


class Listening:
    """A server with these upgrades, and what connects to it."""

    def __init__(self, upgrades: CountedUpgrades) -> None:
        (listener,) = bind_sockets(0, "127.0.0.1")
        self._address = listener.getsockname()
        self.server = BoundedHTTPServer(
            Application([("/ws", RefusingHandler)]),
            bounds=HttpBounds(),
            trusted_proxies=(),
            on_refusal=lambda refusal, peer, request_id: None,
            upgrades=upgrades,
        )
        self.server.add_sockets([listener])

    async def ask(self) -> Streams:
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(head())
        return reader, writer

    async def stop(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()


async def with_more_behind(listening: Listening, upgrades: CountedUpgrades) -> tuple[Streams, NewConnection]:
    """A handshake that waits, behind which its client has sent more, which the server knows."""
    streams = await listening.ask()
    await until_on_loop(lambda: upgrades.begun)
    streams[1].write(b"more")
    (new,) = listening.server._connections
    assert isinstance(new, NewConnection)
    await until_on_loop(lambda: new.has_more)
    return streams, new


async def answer_of(streams: Streams) -> bytes:
    reader, writer = streams
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def test_a_handshake_that_waits_is_carried_out() -> None:
    gate = asyncio.Event()
    upgrades = CountedUpgrades(gate=gate)
    listening = Listening(upgrades)
    streams = await listening.ask()
    await until_on_loop(lambda: upgrades.begun)
    gate.set()
    assert await answer_of(streams) == b"taken"
    await listening.stop()


async def test_the_end_of_the_server_cancels_a_handshake_that_waits() -> None:
    upgrades = CountedUpgrades(gate=asyncio.Event())
    listening = Listening(upgrades)
    listening.server.bounds = replace(listening.server.bounds, stop_s=0.01)
    streams = await listening.ask()
    await until_on_loop(lambda: upgrades.begun)
    await listening.stop()
    assert upgrades.was_cancelled
    assert await answer_of(streams) == b""


async def test_what_comes_behind_a_handshake_that_waits_is_known_and_left_unread() -> None:
    gate = asyncio.Event()
    upgrades = CountedUpgrades(gate=gate)
    listening = Listening(upgrades)
    streams, new = await with_more_behind(listening, upgrades)
    assert new.sock.recv(100, socket.MSG_PEEK) == b"more"
    gate.set()
    await until_on_loop(lambda: not listening.server._connections)
    assert upgrades.had_more
    streams[1].close()
    await listening.stop()


async def test_what_comes_behind_a_handshake_that_is_refused_is_there_for_who_answers_it() -> None:
    gate = asyncio.Event()
    upgrades = RefusedUpgrades(gate=gate)
    listening = Listening(upgrades)
    streams, _ = await with_more_behind(listening, upgrades)
    gate.set()
    answer = await answer_of(streams)  # to its end: the rest is no request, whose head would be waited for
    assert answer.endswith(b"\r\n\r\nrefused: True, more: True")
    await listening.stop()


async def test_a_handshake_that_is_refused_while_the_server_stops_is_answered() -> None:
    gate = asyncio.Event()
    upgrades = RefusedUpgrades(gate=gate)
    listening = Listening(upgrades)
    streams = await listening.ask()
    await until_on_loop(lambda: upgrades.begun)
    stopping = asyncio.ensure_future(listening.stop())
    await asyncio.sleep(0)
    gate.set()
    answer = await answer_of(streams)
    assert answer.endswith(b"\r\n\r\nrefused: True, more: False")
    assert b"Connection: close" in answer
    await stopping


async def test_the_socket_of_a_handshake_is_the_loops_no_more_where_nobody_took_it() -> None:
    upgrades = CountedUpgrades()
    listening = Listening(upgrades)
    for _ in range(3):  # a descriptor that is used again would not be watched, had it stayed registered
        assert await answer_of(await listening.ask()) == b"taken"
    assert not listening.server._connections
    await listening.stop()
