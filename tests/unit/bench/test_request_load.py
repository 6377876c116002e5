"""The client that repeats a request: it counts whole replies, in whatever pieces they come, and refusals apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import request_load
from bench.errors import BenchError
from bench.request_load import ReplyReader
from bench.rest_client import Address

STATUSES = (200, 201, 404, 503)


def reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Whatever\r\nServer: x\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


@given(
    st.lists(st.tuples(st.sampled_from(STATUSES), st.binary(max_size=50)), min_size=1, max_size=5),
    st.integers(1, 60),
)
def test_replies_are_counted_in_whatever_pieces_they_come(sent: list[tuple[int, bytes]], piece: int) -> None:
    reader, statuses = ReplyReader(), []
    for status, body in sent:  # one after the other, as in a closed loop
        whole = reply(status, body)
        found = [reader.take(whole[at : at + piece]) for at in range(0, len(whole), piece)]
        assert found[:-1] == [None] * (len(found) - 1)
        statuses.append(found[-1])
    assert statuses == [status for status, _ in sent]


def test_the_end_of_a_connection_and_a_reply_of_unknown_length_are_errors() -> None:
    for data in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        with pytest.raises(ConnectionError):
            ReplyReader().take(data)


class Handler(BaseHTTPRequestHandler):
    """Replies with the status that the path names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer token"
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[Address]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Address("127.0.0.1", server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("path", "is_refused"), [("/200", False), ("/429", True)])
def test_each_reply_is_counted_and_refusals_apart(address: Address, path: str, is_refused: bool) -> None:
    request = request_load.get_request(address, path, "token")
    load = request_load.send(address, request, connections=2, seconds=0.3)
    assert load.replies > 0
    assert load.refused == (load.replies if is_refused else 0)
    assert load.per_s == load.replies / load.seconds


def test_a_server_that_is_not_there_is_one_line(address: Address) -> None:
    with pytest.raises(BenchError, match="a connection was lost: ConnectionRefusedError"):
        request_load.send(Address(address.host, 1), b"", connections=1, seconds=0.1)
