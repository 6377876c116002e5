"""What happens to an HTTP connection when its request is refused, and that no header of a reply has a length that the
client controls.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.server import ServerProcess, serving

WITHIN_S = 30.0
HEAD_MAX_BYTES = 2_048  # a quarter of the buffer in deploy/nginx.conf
LONG = "x" * 3_000
UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that allows every origin, with a low limit on logins."""
    env = {"CORS_ORIGINS": "*", "RATE_LIMIT_AUTH": "1/3600"}
    with serving(tmp_path_factory.mktemp("connections") / "data", env) as process:
        yield process


def request(line: str, *headers: str, body: bytes = b"", host: str = "chat.example") -> bytes:
    sized = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join((line, f"Host: {host}", *headers, *sized, "", "")).encode() + body


class HttpConnection:
    """A kept HTTP connection on a bare socket."""

    def __init__(self, server: ServerProcess) -> None:
        self._sock = socket.create_connection(("127.0.0.1", server.port), WITHIN_S)

    def __enter__(self) -> HttpConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def ask(self, data: bytes) -> http.client.HTTPResponse:
        self.send(data)
        response = http.client.HTTPResponse(self._sock, method=data.partition(b" ")[0].decode())
        response.begin()
        response.read()
        return response

    def until_closed(self) -> bool:
        """Wait until the server closes. Returns False if it sends data first. Raises ConnectionResetError."""
        return not self._sock.recv(1)


BODY = b'{"username": "ada", "password": "a wrong password"}'
REFUSED = {
    "401": (401, request("GET /users HTTP/1.1")),
    "404, HEAD": (404, request("HEAD /nowhere HTTP/1.1")),
    "401, body": (401, request("POST /messages HTTP/1.1", body=b"x" * 60_000)),
    "401, chunks": (401, request("POST /messages HTTP/1.1", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n"),
    "401, 100": (401, request("POST /messages HTTP/1.1", "Content-Length: 9", "Expect: 100-continue")),
    "404": (404, request("GET /nowhere HTTP/1.1")),
    "404, body": (404, request("PATCH /nowhere HTTP/1.1", body=b"x" * 5_000)),
    "405, body": (405, request("BREW /rooms HTTP/1.1", body=b"x" * 5_000)),
    "413, length": (413, request("POST /auth/login HTTP/1.1", body=b"x" * 300_000)),
    "413, chunks": (
        413,
        request("POST /auth/login HTTP/1.1", "Transfer-Encoding: chunked") + b"20000\r\n" + b"x" * 131_072,
    ),
    "422": (422, request("POST /auth/refresh HTTP/1.1", body=b"{}")),
    "400": (400, request("POST /auth/refresh HTTP/1.1", body=b"{")),
    "401 of a method, 429": (429, request("POST /auth/login HTTP/1.1", body=BODY)),
    "no upgrade": (400, request("GET /ws HTTP/1.1")),
    "no upgrade, body": (405, request("POST /ws HTTP/1.1", body=b"x" * 5_000)),
    "preflight, body": (204, request("OPTIONS /rooms HTTP/1.1", "Origin: http://a.example", body=b"x" * 5_000)),
    "a long Host": (400, request("GET /health HTTP/1.1", host="h" * 256)),
    "bad chunks": (401, request("POST /messages HTTP/1.1", "Transfer-Encoding: chunked") + b"nonsense\r\n"),
    "bad length": (400, request("POST /messages HTTP/1.1", "Content-Length: nine")),
}


@pytest.mark.parametrize(("status", "data"), REFUSED.values(), ids=REFUSED)
def test_after_a_refusal_the_connection_lives_or_it_was_said_that_it_does_not(
    server: ServerProcess, status: int, data: bytes
) -> None:
    with HttpConnection(server) as talk:
        for _ in range(3):
            response = talk.ask(data)
            assert response.status in (status, 401)
            if response.will_close:
                assert response.headers["Connection"] == "close"
                assert talk.until_closed()
                return
        assert response.status == status
        assert talk.ask(request("GET /health HTTP/1.1")).status == 200


ECHOING = {
    "a Host, the page": request("GET / HTTP/1.1", host="h" * 255),
    "an Origin": request("GET /rooms HTTP/1.1", f"Origin: http://{LONG}"),
    "an Origin, preflight": request(
        "OPTIONS /rooms HTTP/1.1", f"Origin: http://{LONG}", f"Access-Control-Request-Headers: {LONG}"
    ),
    "a path": request(f"GET /{LONG} HTTP/1.1"),
    "a query": request(f"GET /messages?{LONG}={LONG} HTTP/1.1"),
    "a method": request(f"{LONG} /rooms HTTP/1.1"),
    "a request id": request("GET /rooms HTTP/1.1", f"X-Request-Id: {LONG}", f"Cookie: {LONG}"),
    "a token": request("GET /rooms HTTP/1.1", f"Authorization: Bearer {LONG}"),
    "a validator": request("GET / HTTP/1.1", f'If-None-Match: "{LONG}"'),
    "a subprotocol": request("GET /ws HTTP/1.1", *UPGRADE, f"Sec-WebSocket-Protocol: chat.v1, {LONG}"),
    "an extension": request("GET /ws HTTP/1.1", *UPGRADE, f"Sec-WebSocket-Extensions: {LONG}; {LONG}"),
    "a version": request("GET /ws HTTP/1.1", *UPGRADE).replace(b"Version: 13", b"Version: " + LONG.encode()),
}


@pytest.mark.parametrize("data", ECHOING.values(), ids=ECHOING)
def test_nothing_of_a_clients_length_is_in_the_head_of_a_reply(server: ServerProcess, data: bytes) -> None:
    with HttpConnection(server) as talk:
        response = talk.ask(data)
        assert len(str(response.headers)) < HEAD_MAX_BYTES
        assert LONG[:300] not in str(response.headers)


def test_a_request_that_cannot_be_read_is_a_line_of_the_access_log_without_what_it_said(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        with HttpConnection(server) as talk:
            assert talk.ask(request("GET /?token=SECRET HTTP/1.1", "Authorization: SECRET\x01")).status == 400
        server.until_logged("method=- path=- status=400 client=127.0.0.1 request=")
        assert "SECRET" not in server.log()
        metrics = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_S)
        metrics.request("GET", "/metrics")
        assert b'route="unreadable",status="400"} 1' in metrics.getresponse().read()
        metrics.close()


def test_an_upgrade_for_which_no_descriptor_is_left_is_told_so_and_may_be_tried_again(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, HttpConnection(server) as talk:
        assert talk.ask(request("GET /health HTTP/1.1")).status == 200
        process = psutil.Process(server.pid)
        allowed = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (3, allowed[1]))
        refused = talk.ask(request("GET /ws HTTP/1.1", *UPGRADE))
        process.rlimit(psutil.RLIMIT_NOFILE, allowed)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert talk.ask(request("GET /ws HTTP/1.1", *UPGRADE)).status == 101


def test_an_upgrade_whose_body_never_comes_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        with HttpConnection(server) as talk:
            talk.send(request("GET /ws HTTP/1.1", *UPGRADE, "Content-Length: 5"))
        with HttpConnection(server) as talk:
            assert talk.ask(request("GET /health HTTP/1.1")).status == 200
    assert "path=/ws status=500" not in server.log()
