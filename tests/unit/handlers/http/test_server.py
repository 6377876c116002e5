"""No reply ends a connection silently, and what a connection may take is bounded: on real sockets, with bounds that a
test can reach.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import pytest
from msgspec.structs import replace
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from handlers.http.head_reading import BLANKS_MAX
from handlers.http.http_bounds import HttpBounds
from handlers.http.request_exchange import RequestExchange
from handlers.http.request_head import Refusal
from handlers.http.server import BoundedHTTPServer

WITHIN_S = 20.0
BODY_MAX_BYTES = 40_000
LONG_S = 300.0
PATIENT = HttpBounds(
    head_s=LONG_S,
    body_s=LONG_S,
    idle_s=LONG_S,
    reply_s=LONG_S,
    linger_s=LONG_S,
    drain_max_bytes=10_000,
    linger_max_bytes=2**20,
)
CLOSE = b"Connection: close"


@stream_request_body
class RefusingHandler(RequestHandler):
    """Refuses before it has read anything, as most refusals are."""

    async def prepare(self) -> None:
        await asyncio.sleep(0)
        raise HTTPError(401)

    def data_received(self, chunk: bytes) -> None:
        raise AssertionError("nobody wants it")


@stream_request_body
class VerboseHandler(RefusingHandler):
    """The same at length."""

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(b"x" * 100_000)


@stream_request_body
class EchoHandler(RequestHandler):
    """Replies with what it got, and with 413 as soon as that is too much."""

    def initialize(self) -> None:
        self.got = bytearray()

    def data_received(self, chunk: bytes) -> None:
        self.got += chunk
        if len(self.got) > BODY_MAX_BYTES and not self._finished:
            self.send_error(413)

    def post(self) -> None:
        self.finish(bytes(self.got))

    get = post


@stream_request_body
class UploadHandler(RequestHandler):
    """Takes a body that may come slowly, and replies with its size."""

    def prepare(self) -> None:
        connection = self.request.connection
        assert isinstance(connection, RequestExchange)
        connection.expect_upload()
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.finish(str(self.size))


class BrokenHandler(RequestHandler):
    def initialize(self) -> None:
        raise RuntimeError("a bug of ours")


class DetachingHandler(RequestHandler):
    """Takes the connection away, as an upgrade does."""

    def get(self) -> None:
        self.detach().close()


class SlowHandler(RequestHandler):
    """Replies when it is let."""

    def initialize(self, begun: asyncio.Event, let: asyncio.Event) -> None:
        self.begun, self.let = begun, let

    async def get(self) -> None:
        self.begun.set()
        await self.let.wait()
        self.finish("done")


class RunningServer:
    """A server of a test's own, and the refusals that it reported."""

    def __init__(self, bounds: HttpBounds, trusted: str) -> None:
        self.refused: list[tuple[int, str]] = []
        self.begun, self.let = asyncio.Event(), asyncio.Event()
        self.server = BoundedHTTPServer(
            Application(
                [
                    ("/no", RefusingHandler),
                    ("/verbose", VerboseHandler),
                    ("/echo", EchoHandler),
                    ("/upload", UploadHandler),
                    ("/broken", BrokenHandler),
                    ("/detach", DetachingHandler),
                    ("/slow", SlowHandler, {"begun": self.begun, "let": self.let}),
                ],
                log_function=lambda _: None,
            ),
            bounds=bounds,
            trusted_proxies=[ip_network(trusted)],
            on_refusal=self._note,
        )
        self.sockets = bind_sockets(0, "127.0.0.1")
        self.port: int = self.sockets[0].getsockname()[1]
        self.server.add_sockets(self.sockets)

    def _note(self, refusal: Refusal, peer: str, request_id: str) -> None:
        self.refused.append((refusal.status, peer))

    async def close(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()


class Peer:
    """A client that says what it says, and reads what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, *, body: bool = True) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next reply."""
        async with asyncio.timeout(WITHIN_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            return int(head[9:12]), head, await self._reader.readexactly(lengths[0]) if body and lengths else b""

    async def rest(self) -> bytes:
        """What comes until the server ends its half. Raises ConnectionResetError where it does so rudely."""
        async with asyncio.timeout(WITHIN_S):
            return await self._reader.read()

    async def close(self) -> None:
        self._writer.close()


Serve = Callable[..., RunningServer]


@pytest.fixture
def serve(stack: AsyncExitStack) -> Serve:
    def begin(*, trusted: str = "127.0.0.1/32", **bounds: Any) -> RunningServer:
        served = RunningServer(replace(PATIENT, **bounds), trusted)
        stack.push_async_callback(served.close)
        return served

    return begin


@pytest.fixture
def connect(stack: AsyncExitStack) -> Callable[..., Coroutine[Any, Any, Peer]]:
    async def begin(served: RunningServer, address: str = "127.0.0.1") -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", served.port, local_addr=(address, 0)))
        stack.push_async_callback(peer.close)
        return peer

    return begin


Connect = Callable[..., Coroutine[Any, Any, Peer]]


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    sized = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join((line, "Host: x", *headers, *sized, "", "")).encode() + body


async def assert_lives(peer: Peer) -> None:
    """The same connection takes another request, and nothing of the one before is taken for it."""
    await peer.send(request("POST /echo HTTP/1.1", body=b"still here"))
    status, head, body = await peer.reply()
    assert (status, body) == (200, b"still here")
    assert CLOSE not in head


# ---- replies that come before the body was read -------------------------------------------------------------------


@pytest.mark.parametrize("line", ["GET /no", "HEAD /no", "POST /no", "OPTIONS /no", "GET /nowhere", "BREW /no"])
@pytest.mark.gen_test
async def test_a_refusal_without_a_body_leaves_the_connection_alive(serve: Serve, connect: Connect, line: str) -> None:
    peer = await connect(serve())
    for _ in range(3):
        await peer.send(request(f"{line} HTTP/1.1"))
        status, head, _ = await peer.reply(body=not line.startswith("HEAD"))
        assert status in (401, 404, 405)
        assert CLOSE not in head
    await assert_lives(peer)


@pytest.mark.gen_test
async def test_a_body_that_nobody_wants_is_read_and_let_go_also_when_it_comes_after_the_refusal(
    serve: Serve, connect: Connect
) -> None:
    peer = await connect(serve())
    await peer.send(request("POST /no HTTP/1.1", body=b"x" * 10_000))
    assert (await peer.reply())[0] == 401
    await peer.send(request("POST /no HTTP/1.1", "Content-Length: 10000") + b"x" * 4_000)
    status, head, _ = await peer.reply()
    assert (status, CLOSE in head) == (401, False)
    await peer.send(b"x" * 6_000 + request("POST /no HTTP/1.1", body=b"pipelined"))
    assert (await peer.reply())[0] == 401
    await assert_lives(peer)


LATE_BODIES = {
    "longer than what is let go": (["Content-Length: 500000"], b"x" * 500_000),
    "in chunks": (["Transfer-Encoding: chunked"], b"7d0\r\n" + b"x" * 2_000 + b"\r\n0\r\n\r\n"),
    "in chunks that never end": (["Transfer-Encoding: chunked"], b"7d0\r\n" + b"x" * 2_000 + b"\r\n"),
    "announced": (["Content-Length: 2000", "Expect: 100-continue"], b""),
    "announced and sent all the same": (["Content-Length: 2000", "Expect: 100-continue"], b"x" * 2_000),
}


@pytest.mark.parametrize(("headers", "body"), LATE_BODIES.values(), ids=LATE_BODIES)
@pytest.mark.gen_test
async def test_where_much_may_come_the_refusal_says_close_and_the_peer_can_read_it_to_its_end(
    serve: Serve, connect: Connect, headers: list[str], body: bytes
) -> None:
    peer = await connect(serve())
    await peer.send(request("POST /no HTTP/1.1", *headers))
    await peer.send(body)  # all of it, before anything is read
    status, head, _ = await peer.reply()
    assert (status, CLOSE in head) == (401, True)
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_a_refusal_while_the_body_streams_reaches_who_sends_on(serve: Serve, connect: Connect) -> None:
    served = serve()
    for headers, body in (
        (["Transfer-Encoding: chunked"], b"186a0\r\n" + b"x" * 100_000 + b"\r\n" + b"186a0\r\n" + b"x" * 100_000),
        (["Content-Length: 900000"], b"x" * 700_000),
    ):
        peer = await connect(served)
        await peer.send(request("POST /echo HTTP/1.1", *headers) + body)
        status, head, _ = await peer.reply()
        assert (status, CLOSE in head) == (413, True)
        await peer.send(b"x" * 100_000)
        assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_who_waits_for_a_100_gets_it_where_the_body_is_wanted(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve())
    await peer.send(request("POST /echo HTTP/1.1", "Content-Length: 5", "Expect: 100-Continue"))
    assert await peer.reply() == (100, b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    await peer.send(b"hello")
    assert (await peer.reply())[::2] == (200, b"hello")
    await assert_lives(peer)


@pytest.mark.gen_test
async def test_an_http_1_0_client_is_promised_nothing_that_is_not_kept(serve: Serve, connect: Connect) -> None:
    served = serve()
    peer = await connect(served)
    await peer.send(request("POST /no HTTP/1.0", "Connection: keep-alive", body=b"x" * 5_000))
    assert b"Connection: Keep-Alive" in (await peer.reply())[1]
    await peer.send(request("POST /no HTTP/1.0", "Connection: keep-alive", body=b"x" * 50_000))
    status, head, _ = await peer.reply()
    assert (status, b"Keep-Alive" in head) == (401, False)
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_a_close_that_the_client_asked_for_is_said_and_done(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve())
    await peer.send(request("POST /no HTTP/1.1", "Connection: close", body=b"x" * 5_000))
    status, head, _ = await peer.reply()
    assert (status, CLOSE in head) == (401, True)
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_a_bug_in_our_own_making_of_a_handler_is_answered_too(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve())
    await peer.send(request("GET /broken HTTP/1.1"))
    status, head, body = await peer.reply()
    assert (status, CLOSE in head, json.loads(body)["error"]["code"]) == (500, True, "internal")
    assert await peer.rest() == b""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.gen_test
async def test_a_connection_that_a_handler_took_away_is_no_longer_the_servers(
    serve: Serve, connect: Connect, version: str
) -> None:
    served = serve()
    peer = await connect(served)
    await peer.send(request(f"GET /detach HTTP/{version}"))
    assert await peer.rest() == b""
    assert served.refused == []


# ---- what cannot be read as a request -------------------------------------------------------------------------------


UNREADABLE = {
    "no request line": (b"\x00\x01\x02\r\n\r\n", 400),
    "half a request line": (b"GET\r\n\r\n", 400),
    "another protocol's version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "a Host of 2,500 characters": (b"GET / HTTP/1.1\r\nHost: " + b"h" * 2_500 + b"\r\n\r\n", 400),
    "two lengths": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    "a length of no digits": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n", 400),
    "a length and chunks": (
        (
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
            b"chunked\r\n\r\n0\r\n\r\nGET /no HTTP/1.1"
        ),
        400,
    ),
    "chunks of no size": (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "chunks of endless size": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5_000,
        400,
    ),
    "a chunk that does not end": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n",
        400,
    ),
    "a large header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    "headers that do not end": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 300 + b"\r\n", 431),
    "a large target": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    "empty lines without end": (b"\r\n" * 100, 400),
}


@pytest.mark.parametrize(("data", "status"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.gen_test
async def test_what_is_no_request_gets_one_refusal_that_can_be_read(
    serve: Serve, connect: Connect, data: bytes, status: int
) -> None:
    served = serve()
    peer = await connect(served)
    await assert_lives(peer)
    await peer.send(data)
    said, head, body = await peer.reply()
    assert (said, CLOSE in head, json.loads(body)["error"]["code"]) == (status, True, "malformed")
    assert await peer.rest() == b""
    assert served.refused == [(status, "127.0.0.1")]


@pytest.mark.gen_test
async def test_the_refusal_can_be_read_also_where_no_descriptor_is_left_to_linger_with(
    serve: Serve, connect: Connect
) -> None:
    peer = await connect(serve())
    await assert_lives(peer)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, allowed[1]))
    try:
        await peer.send(b"nonsense\r\n\r\n")
        assert (await peer.reply())[0] == 400
        assert await peer.rest() == b""
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


@pytest.mark.gen_test
async def test_empty_lines_before_a_request_are_let_be(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve())
    await peer.send(b"\r\n\r\n\n")
    await assert_lives(peer)


# ---- time ------------------------------------------------------------------------------------------------------------


BEGUN = {
    "one byte": b"G",
    "a head without its end": b"GET /echo HTTP/1.1\r\nHost: x\r\n",
    "a body without its end": request("POST /echo HTTP/1.1", "Content-Length: 9") + b"x",
    "chunks without their end": request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"1\r\nx\r\n",
}


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
@pytest.mark.gen_test
async def test_who_begins_a_request_and_does_not_end_it_is_told_so_when_time_is_up(
    serve: Serve, connect: Connect, begun: bytes
) -> None:
    peer = await connect(serve(head_s=0.2, body_s=0.2))
    await assert_lives(peer)
    await peer.send(begun)
    status, head, _ = await peer.reply()
    assert (status, CLOSE in head) == (408, True)
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_empty_lines_before_a_request_give_its_head_no_more_time(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve(head_s=0.5))
    await assert_lives(peer)
    late = asyncio.create_task(peer.reply())
    sent = 0
    while not late.done():
        await peer.send(b"\n" if sent < BLANKS_MAX else b"G")
        sent += 1
        await asyncio.sleep(0.2)  # the peer's pace: the last empty line comes long after the time is up
    assert late.result()[0] == 408
    assert sent <= BLANKS_MAX


@pytest.mark.gen_test
async def test_an_upload_may_take_long_while_it_comes_and_ends_when_it_does_not(serve: Serve, connect: Connect) -> None:
    served = serve(body_s=1.0, upload_min_bytes=100)
    steady, drips = await connect(served), await connect(served)
    for peer in (steady, drips):
        await peer.send(request("POST /upload HTTP/1.1", "Content-Length: 10000"))
    ended = asyncio.create_task(drips.reply())
    sent = 0
    while not ended.done():
        await steady.send(b"x" * 100)
        await drips.send(b"x")
        sent += 100
        await asyncio.sleep(0.05)  # the uploads' pace
    assert ended.result()[0] == 408
    await steady.send(b"x" * (10_000 - sent))
    assert (await steady.reply())[2] == b"10000"


@pytest.mark.gen_test
async def test_a_new_connection_has_so_long_for_its_first_head_and_one_that_is_kept_may_be_idle_longer(
    serve: Serve, connect: Connect
) -> None:
    served = serve(head_s=0.2)
    kept = await connect(served)
    await assert_lives(kept)
    silent, drips = await connect(served), await connect(served)
    await drips.send(b"G")
    assert await silent.rest() == b""
    assert (await drips.reply())[0] == 408
    await assert_lives(kept)


@pytest.mark.gen_test
async def test_a_kept_connection_is_closed_once_it_was_idle_for_long(serve: Serve, connect: Connect) -> None:
    peer = await connect(serve(idle_s=0.2))
    await assert_lives(peer)
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for_longer_than_a_body(
    serve: Serve, connect: Connect
) -> None:
    peer = await connect(serve(body_s=0.2))
    await peer.send(request("POST /no HTTP/1.1", "Content-Length: 5000") + b"x")
    assert (await peer.reply())[0] == 401
    assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_who_takes_no_early_reply_is_let_go_when_time_for_it_is_up(serve: Serve) -> None:
    served = serve(reply_s=0.2)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WITHIN_S):
        with sock, pytest.raises(ConnectionError):
            await loop.sock_connect(sock, ("127.0.0.1", served.port))
            while True:  # and never reads
                await loop.sock_sendall(sock, request("POST /verbose HTTP/1.1", body=b"x" * 5_000))


@pytest.mark.gen_test
async def test_a_close_lingers_for_a_bounded_time_and_for_so_many_bytes(serve: Serve, connect: Connect) -> None:
    patient, hasty = serve(), serve(linger_s=0.2)
    for served in (patient, hasty):
        peer = await connect(served)
        await peer.send(b"nonsense\r\n\r\n")
        assert (await peer.reply())[0] == 400
        assert await peer.rest() == b""
        while len(served.server.lingering):
            if served is patient:
                with pytest.raises((ConnectionResetError, BrokenPipeError)):  # past linger_max_bytes
                    for _ in range(200):
                        await peer.send(b"x" * 65_536)
            await asyncio.sleep(0.01)  # the poll's pace


@pytest.mark.parametrize(("at_most", "status"), [(1, 503), (128, 400)])
@pytest.mark.gen_test
async def test_refusals_of_one_address_take_no_lingering_reply_away_from_another(
    serve: Serve, connect: Connect, at_most: int, status: int
) -> None:
    served = serve(lingering_max=3, connections_by_address_max=at_most)
    refused = await connect(served, "127.0.0.3")
    await refused.send(request("POST /no HTTP/1.1", "Content-Length: 500000") + b"x")
    while not len(served.server.lingering):
        await asyncio.sleep(0.01)  # the poll's pace
    await (await connect(served, "127.0.0.2")).send(b"G")
    for _ in range(6):
        flooding = await connect(served, "127.0.0.2")
        await flooding.send(b"nonsense\r\n\r\n")
        assert (await flooding.reply())[0] == status
    assert len(served.server.lingering) == 3
    for _ in range(3):
        await refused.send(b"x" * 1_000)
        await asyncio.sleep(0)
    assert (await refused.reply())[0] == 401
    assert await refused.rest() == b""


# ---- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_an_address_has_so_many_connections_and_a_trusted_proxy_as_many_as_it_likes(
    serve: Serve, connect: Connect
) -> None:
    served = serve(connections_by_address_max=3)
    for _ in range(3):
        first = await connect(served, "127.0.0.2")
        await first.send(request("POST /echo HTTP/1.1", CLOSE.decode(), "Content-Length: 1", "Expect: 100-continue"))
        assert (await first.reply())[0] == 100
    crowded = await connect(served, "127.0.0.2")
    status, head, body = await crowded.reply()
    assert (status, CLOSE in head, b"Retry-After: 1" in head) == (503, True, True)
    assert json.loads(body)["error"]["code"] == "unavailable"
    assert await crowded.rest() == b""
    await assert_lives(await connect(served, "127.0.0.3"))
    for _ in range(5):
        await assert_lives(await connect(served))
    await first.send(b"x")
    assert (await first.reply())[0] == 200
    assert await first.rest() == b""
    await assert_lives(await connect(served, "127.0.0.2"))


@pytest.mark.gen_test
async def test_of_a_full_address_the_connection_that_is_idle_the_longest_makes_room_and_one_in_use_does_not(
    serve: Serve, connect: Connect
) -> None:
    served = serve(connections_by_address_max=3)
    kept = [await connect(served, "127.0.0.2") for _ in range(3)]
    for peer in (kept[0], kept[1], kept[2], kept[0]):
        await assert_lives(peer)
    await assert_lives(fourth := await connect(served, "127.0.0.2"))
    assert await kept[1].rest() == b""
    await kept[2].send(b"POST")  # a head that has begun
    await fourth.send(request("GET /slow HTTP/1.1"))
    await served.begun.wait()
    await assert_lives(fifth := await connect(served, "127.0.0.2"))
    assert await kept[0].rest() == b""
    await fifth.send(request("POST /echo HTTP/1.1", "Content-Length: 9") + b"x")
    await assert_lives(await connect(served, "127.0.0.3"))
    assert (await (await connect(served, "127.0.0.2")).reply())[0] == 503
    await kept[2].send(request(" /echo HTTP/1.1", body=b"on"))
    assert (await kept[2].reply())[::2] == (200, b"on")
    served.let.set()
    assert (await fourth.reply())[::2] == (200, b"done")
    await fifth.send(b"x" * 8)
    assert (await fifth.reply())[::2] == (200, b"x" * 9)


@pytest.mark.gen_test
async def test_a_connection_of_whose_next_request_one_byte_has_come_is_at_no_moment_idle(
    serve: Serve, connect: Connect
) -> None:
    served = serve()
    peer = await connect(served)
    await peer.send(request("GET /echo HTTP/1.1") + b"G")
    reply = asyncio.create_task(peer.reply())
    idle_since: set[float | None] = set()
    while not reply.done():
        idle_since |= {serving.idle_since for serving in served.server._connections}
        await asyncio.sleep(0)  # for one turn: each is looked at
    assert idle_since == {None}


@pytest.mark.gen_test
async def test_an_address_that_is_full_of_idle_connections_may_open_as_many_at_once_anew(
    serve: Serve, connect: Connect
) -> None:
    served = serve(connections_by_address_max=3)
    for _ in range(3):
        peers = await asyncio.gather(*(connect(served, "127.0.0.2") for _ in range(3)))
        await asyncio.gather(*map(assert_lives, peers))
    assert served.refused == []


@pytest.mark.gen_test
async def test_past_all_connections_the_next_waits_to_be_accepted(serve: Serve, connect: Connect) -> None:
    served = serve(connections_max=2)
    first, second = await connect(served), await connect(served)
    await assert_lives(first)
    await assert_lives(second)
    waiting = await connect(served)
    await waiting.send(request("POST /echo HTTP/1.1", body=b"at last"))
    reply = asyncio.ensure_future(waiting.reply())
    for _ in range(20):
        await assert_lives(first)
    assert not reply.done()
    await second.close()
    assert (await reply)[::2] == (200, b"at last")
    await first.close()
    await assert_lives(await connect(served))


@pytest.mark.gen_test
async def test_a_server_that_is_full_can_be_stopped(serve: Serve, connect: Connect) -> None:
    served = serve(connections_max=1)
    await assert_lives(await connect(served))
    await served.close()
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", served.port), timeout=5):
        pass


@pytest.mark.gen_test
async def test_a_server_that_stops_ends_what_is_idle_and_lets_a_reply_under_way_say_that_it_is_the_last(
    serve: Serve, connect: Connect
) -> None:
    served = serve(stop_s=LONG_S)
    idle, busy = await connect(served), await connect(served)
    await assert_lives(idle)
    await busy.send(request("GET /slow HTTP/1.1"))
    await served.begun.wait()
    served.server.stop()
    assert await idle.rest() == b""
    closing = asyncio.ensure_future(served.close())
    served.let.set()
    status, head, body = await busy.reply()
    assert (status, CLOSE in head, body) == (200, True, b"done")
    assert await busy.rest() == b""
    await closing


@pytest.mark.gen_test
async def test_a_reply_that_takes_too_long_does_not_hold_up_the_stop(serve: Serve, connect: Connect) -> None:
    served = serve(stop_s=0.1)
    busy = await connect(served)
    await busy.send(request("GET /slow HTTP/1.1"))
    await served.begun.wait()
    await served.close()
    assert await busy.rest() == b""
    served.let.set()
