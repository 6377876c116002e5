"""A request without a body is served in the task of its connection; whole replies are written at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec.structs import replace
from tornado.netutil import bind_sockets
from tornado.web import URLSpec, stream_request_body

from handlers.http.request_target import TargetApplication
from handlers.http.server import BoundedHTTPServer
from handlers.whole_replies import WholeReplies
from tests.unit.handlers.http.test_server import PATIENT, Peer, request


@stream_request_body
class NamingHandler(WholeReplies):
    """Replies with the name of the task that it runs in; with `?header=` it sends that as a header, too."""

    runs_in_connection = True

    def initialize(self, begun: asyncio.Event, let: asyncio.Event, ended: asyncio.Event) -> None:
        self.begun, self.let, self.ended = begun, let, ended
        self.body = bytearray()

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    async def get(self) -> None:
        self._headers["X-Told"] = self.get_query_argument("header", "none", strip=False)
        self.finish_whole(_task_name())

    head = get

    async def post(self) -> None:
        self.finish_whole(_task_name() + self.body)

    async def delete(self) -> None:
        self.begun.set()
        try:
            await self.let.wait()
        finally:
            self.ended.set()
        self.finish_whole(b"let")


def _task_name() -> bytes:
    task = asyncio.current_task()
    assert task is not None
    return task.get_name().encode()


class Served:
    """A server of a test's own."""

    def __init__(self, *, shares_contexts: bool, stop_s: float) -> None:
        self.begun, self.let, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        events = {"begun": self.begun, "let": self.let, "ended": self.ended}
        rows = [URLSpec("/task", NamingHandler, events)]
        application = TargetApplication(rows, log_function=lambda _: None, shares_contexts=shares_contexts)
        bounds = replace(PATIENT, stop_s=stop_s)
        self.server = BoundedHTTPServer(application, bounds=bounds, trusted_proxies=[], on_refusal=lambda *_: None)
        sockets = bind_sockets(0, "127.0.0.1")
        self.port: int = sockets[0].getsockname()[1]
        self.server.add_sockets(sockets)

    async def close(self) -> None:
        self.let.set()
        self.server.stop()
        await self.server.close_all_connections()


@pytest.fixture
def serve(stack: AsyncExitStack) -> Callable[..., Any]:
    async def begin(*, shares_contexts: bool = True, stop_s: float = 60.0) -> tuple[Served, Peer]:
        served = Served(shares_contexts=shares_contexts, stop_s=stop_s)
        stack.push_async_callback(served.close)
        peer = Peer(*await asyncio.open_connection("127.0.0.1", served.port))
        stack.push_async_callback(peer.close)
        return served, peer

    return begin


async def task_of(peer: Peer, sent: bytes) -> bytes:
    await peer.send(sent)
    status, _, name = await peer.reply()
    assert status == 200
    return name


@pytest.mark.gen_test
async def test_requests_without_a_body_run_in_one_task_and_those_with_one_in_their_own(serve: Any) -> None:
    _, peer = await serve()
    names = [await task_of(peer, request("GET /task HTTP/1.1")) for _ in range(3)]
    assert len(set(names)) == 1
    posted = await task_of(peer, request("POST /task HTTP/1.1", body=b" and a body"))
    assert posted.endswith(b" and a body")
    assert not posted.startswith(names[0] + b" ")
    assert await task_of(peer, request("GET /task HTTP/1.1")) == names[0]


@pytest.mark.gen_test
async def test_where_contexts_are_not_shared_each_request_has_a_task_of_its_own(serve: Any) -> None:
    _, peer = await serve(shares_contexts=False)
    assert len({await task_of(peer, request("GET /task HTTP/1.1")) for _ in range(3)}) == 3


@pytest.mark.gen_test
async def test_requests_that_come_together_are_answered_in_their_order(serve: Any) -> None:
    _, peer = await serve()
    await peer.send(b"".join(request(f"GET /task?header={number} HTTP/1.1") for number in range(20)))
    for number in range(20):
        _, head, _ = await peer.reply()
        assert b"X-Told: %d\r\n" % number in head


@pytest.mark.gen_test
async def test_a_head_has_the_length_and_no_body(serve: Any) -> None:
    _, peer = await serve()
    await peer.send(request("HEAD /task HTTP/1.1") + request("GET /task HTTP/1.1"))
    _, head, _ = await peer.reply(body=False)
    assert b"Content-Length: 0" not in head
    status, _, body = await peer.reply()
    assert (status, bool(body)) == (200, True)


@pytest.mark.parametrize(
    ("version", "asked", "kept"),
    [("1.1", (), b""), ("1.1", ("Connection: close",), b"close"), ("1.0", (), b""),
     ("1.0", ("Connection: keep-alive",), b"Keep-Alive")],
)  # fmt: skip
@pytest.mark.gen_test
async def test_a_reply_says_whether_the_connection_is_kept(
    serve: Any, version: str, asked: tuple[str, ...], kept: bytes
) -> None:
    _, peer = await serve()
    await peer.send(request(f"GET /task HTTP/{version}", *asked))
    _, head, _ = await peer.reply()
    assert head.partition(b"Connection: ")[2].partition(b"\r\n")[0] == kept
    if kept == b"close" or (version, asked) == ("1.0", ()):
        assert await peer.rest() == b""


@pytest.mark.gen_test
async def test_a_line_break_in_a_header_is_an_error_of_ours_and_not_sent(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, peer = await serve()
    with caplog.at_level(logging.CRITICAL):
        await peer.send(request("GET /task?header=a%0D%0AX-Made-Up:%201 HTTP/1.1"))
        status, head, _ = await peer.reply()
    assert status == 500
    assert b"X-Made-Up" not in head


@pytest.mark.gen_test
async def test_a_handler_that_takes_too_long_does_not_hold_up_the_stop(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    served, peer = await serve(stop_s=0.05)
    await peer.send(request("DELETE /task HTTP/1.1"))
    await asyncio.wait_for(served.begun.wait(), 20)
    served.server.stop()
    await asyncio.wait_for(served.server.close_all_connections(), 20)
    assert served.ended.is_set()
