"""The stream's short ways do what the reads and writes of IOStream do."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError

from handlers.http.head_reading import HEAD_END
from handlers.http.stream import HeadStream

HEADS_MAX_BYTES = 40


@pytest.fixture
def pair(io_loop: IOLoop) -> Iterator[tuple[HeadStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = HeadStream(ours)
    yield stream, theirs
    stream.close()
    theirs.close()


@pytest.mark.parametrize(
    "received",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\n\r\nrest\r\n\r\n",
        b"GET / HTTP/1.1\r\n\nrest\r\n\r\n",
        b"GET / HTTP/1.1\n\nrest\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"G",
        b"GET / HTTP/1.1\r\nX: " + b"x" * HEADS_MAX_BYTES + b"\r\n\r\n",
    ],
)
@pytest.mark.gen_test
async def test_a_head_is_taken_as_the_slow_read_would_read_it_or_left(
    pair: tuple[HeadStream, socket.socket], received: bytes
) -> None:
    stream, peer = pair
    peer.sendall(received)
    head = await stream.until_head(HEADS_MAX_BYTES, at_once=False)
    found = re.search(HEAD_END, received)
    if not head:
        assert stream.take_head(HEADS_MAX_BYTES) == b""
        assert await stream.read_bytes(len(received)) == received
    else:
        assert found is not None
        assert head == received[: found.end()]
        rest = received[found.end() :]
        assert not rest or await stream.read_bytes(len(rest)) == rest


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.gen_test
async def test_who_waits_for_bytes_is_told_of_the_end(pair: tuple[HeadStream, socket.socket], at_once: bool) -> None:
    stream, peer = pair
    waiting = asyncio.ensure_future(stream.until_head(HEADS_MAX_BYTES, at_once=at_once))
    await asyncio.sleep(0)
    peer.close()
    with pytest.raises(StreamClosedError):
        await waiting
    assert stream.closed()


@pytest.mark.gen_test
async def test_what_the_kernel_does_not_take_at_once_follows_and_in_order(
    pair: tuple[HeadStream, socket.socket],
) -> None:
    stream, peer = pair
    data = bytes(range(256)) * 8_192
    written = [stream.send_whole(data), stream.send_whole(b"the second")]
    received = bytearray()
    peer.setblocking(False)
    loop = asyncio.get_running_loop()
    while len(received) < len(data) + 10:
        received += await loop.sock_recv(peer, 65_536)
    assert received == data + b"the second"
    for one in written:
        assert one is not None
        await one
    assert stream.send_whole(b"the third") is None
    assert await loop.sock_recv(peer, 65_536) == b"the third"


@pytest.mark.gen_test
async def test_a_reply_to_who_has_gone_closes_the_stream(pair: tuple[HeadStream, socket.socket]) -> None:
    stream, peer = pair
    peer.close()
    assert stream.send_whole(b"a reply") is None
    assert stream.closed()
