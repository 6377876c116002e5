"""The bench's REST calls, to a server of the test's whose replies the test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bench import rest_client
from bench.errors import BenchError


class FakeServer(HTTPServer):
    """Answers with these statuses in turn."""

    statuses: list[int]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, FakeServer)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"accessToken": "token"}'
        self.send_response(self.server.statuses.pop(0))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_not_served_because_of_load_asks_again(server: FakeServer) -> None:
    server.statuses = [503, 201]
    assert rest_client.register(rest_client.Address("127.0.0.1", server.server_port)) == "token"
    assert server.statuses == []


def test_who_is_refused_for_another_reason_does_not(server: FakeServer) -> None:
    server.statuses = [409, 201]
    with pytest.raises(BenchError, match="409"):
        rest_client.register(rest_client.Address("127.0.0.1", server.server_port))
    assert server.statuses == [201]
