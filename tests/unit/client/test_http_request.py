"""Requests by hand: replies in every form that HTTP/1.1 has, and what is no reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from client.accounts import login
from client.errors import ConnectionLost, Invalid, NotFound, RateLimited, Refused, Unavailable
from client.http_request import Address
from client.rest import Rest

OK = b"HTTP/1.1 200 OK\r\n"
TWO_MB = 2_000_000


@asynccontextmanager
async def replying(*pieces: bytes, closes: bool = True) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads a request's head and sends these bytes. Yields its URL, and the heads that came."""
    heads: list[bytes] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        with suppress(OSError):  # the client need not read to the end
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            if not closes:
                await reader.read()
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*filter(None, serving))


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"Content-Length: 7\r\n\r\n", b'{"a":', b"1}and more"),
        (OK + b"transfer-encoding: Chunked\r\n\r\n3\r\n", b'{"a\r\n4;x=y\r\n":1}\r\n0\r\nTrailer: 1\r\n\r\n'),
        (OK + b"\r\n", b'{"a":', b"1}"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 7\r\n\r\n", b'{"a":1}'),
    ],
    ids=["length", "chunked", "until the end", "after an interim one"],
)
async def test_a_reply_is_read_in_each_form(pieces: tuple[bytes, ...]) -> None:
    async with replying(*pieces) as (url, heads):
        assert await Rest(f"{url}/below/").call("GET", "/x", token="t", query={"q": "ä b", "none": None}) == {"a": 1}
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"GET /below/x?q=%C3%A4+b HTTP/1.1"
    assert {b"Authorization: Bearer t", b"Connection: close"} <= set(lines)


@pytest.mark.gen_test
async def test_no_content_is_nothing() -> None:
    async with replying(b"HTTP/1.1 204 No Content\r\n\r\n", closes=False) as (url, heads):
        assert await Rest(url).call("POST", "/x") == {}
    assert b"Content-Length: 0" in heads[0]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((b"HTTP/1.1 429 x\r\nRetry-After: 7\r\n\r\n", b"<html>"), RateLimited),
        ((b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"<html>"), Unavailable),
        ((b"HTTP/1.1 413 x\r\n\r\n",), Invalid),
        ((b"HTTP/1.1 404 x\r\n\r\n", b'{"error": "no object"}'), NotFound),
        ((b"HTTP/1.1 418 x\r\n\r\n", b'{"error": {"code": "of_tomorrow", "message": "m"}}'), Refused),
    ],
)
async def test_an_error_is_its_class_also_where_a_proxy_made_it(pieces: tuple[bytes, ...], kind: type[Refused]) -> None:
    async with replying(*pieces) as (url, _):
        with pytest.raises(kind) as refused:
            await Rest(url).call("GET", "/x")
    assert refused.value.retry_after_s == (7.0 if kind is RateLimited else None)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"SSH-2.0-OpenSSH\r\n\r\n",),
        (b"HTTP/1.1 200",),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,),
        (OK + b"Content-Length: 9\r\n\r\n", b"{}"),
        (OK + b"Content-Length: nine\r\n\r\n", b"{}"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n{}"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n{}"),
        (OK + b"Content-Length: 4\r\n\r\n", b"oops"),
        (OK + b"Content-Length: 2\r\n\r\n", b"[]"),
    ],
)
async def test_what_is_no_reply_is_a_lost_one(pieces: tuple[bytes, ...]) -> None:
    async with replying(*pieces) as (url, _):
        with pytest.raises(ConnectionLost):
            await Rest(url).call("GET", "/x")


@pytest.mark.gen_test
async def test_a_server_that_does_not_answer_is_not_waited_for_longer_than_said() -> None:
    async with replying(closes=False) as (url, _):
        with pytest.raises(ConnectionLost, match="TimeoutError"):
            await Rest(url, timeout_s=0.05).call("GET", "/x")


@pytest.mark.gen_test
async def test_a_refusal_before_the_end_of_a_large_body_is_heard() -> None:
    async with replying(b"HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n", closes=False) as (url, _):
        with pytest.raises(Invalid):
            await asyncio.wait_for(login(url, username="ada", password="x" * TWO_MB), 30)


@pytest.mark.parametrize("wrong", ["", "localhost:8000", "ws://localhost", "http://", "ftp://x"])
def test_what_is_no_http_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="takes http://"):
        Address.of(wrong)


def test_a_url_says_host_port_and_prefix() -> None:
    plain, secure = Address.of("http://[::1]:8001/team/chat/"), Address.of("https://user:secret@chat.example")
    assert (plain.host, plain.port, plain.prefix, plain.host_header) == ("::1", 8001, "/team/chat", "[::1]:8001")
    assert (secure.port, secure.prefix, secure.host_header) == (443, "", "chat.example")
    assert (plain.ssl_context, secure.ssl_context is None) == (None, False)
