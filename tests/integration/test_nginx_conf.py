"""The shipped nginx.conf in a real nginx, before stand-ins for processes: what it does when one answers so, or not at
all.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from handlers.base import MAX_BODY_BYTES
from handlers.http.http_bounds import HttpBounds
from tests.support.client import call
from tests.support.nginx import NGINX, NGINX_MISSING, SHIPPED, running_nginx
from tests.support.server import free_port
from tests.support.waiting import poll

FORGED = "127.0.0.3"

pytestmark = pytest.mark.skipif(NGINX is None, reason=NGINX_MISSING)


class Upstream:
    """A process that answers every request alike, on a connection each; b"" hangs up instead.

    It keeps what it was sent.
    """

    def __init__(self, answer: bytes, *, port: int = 0) -> None:
        self.received: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            number = len(self.received)
            self.received.append(b"")
            while b"\r\n\r\n" not in self.received[number]:
                if not (data := connection.recv(65_536)):
                    return
                self.received[number] += data
            if b"Content-Length: 10\r\n" in self.received[number]:
                while not self.received[number].endswith(b"0123456789"):
                    self.received[number] += connection.recv(65_536)
            connection.sendall(self._answer)

    def close(self) -> None:
        """Listen no more. Idempotent."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # close() alone waits for the accept() that is under way
        self._listener.close()


def reply(status: str, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


@contextmanager
def nginx_before(folder: Path, *processes: Upstream, shipped: str = SHIPPED, port: int | None = None) -> Iterator[str]:
    """nginx in front of these; yields where it listens: at a free port, or the one that `shipped` says."""
    try:
        with running_nginx(folder, [process.port for process in processes], shipped=shipped, port=port) as url:
            yield url
    finally:
        for process in processes:
            process.close()


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "x" * 22 + "==",
    "Sec-WebSocket-Version": "13",
}


def test_a_post_that_a_process_dropped_is_not_sent_to_another_and_a_get_is(tmp_path: Path) -> None:
    dead, also_dead = Upstream(b""), Upstream(b"")
    with nginx_before(tmp_path / "nginx", dead, also_dead) as url:
        refused = call(url, "POST", "/messages", {"content": "x"})
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "unavailable", "1")
        assert refused.json["error"]["requestId"]
        assert len(dead.received) + len(also_dead.received) == 1
        assert call(url, "GET", "/rooms").status == 503
        assert len(dead.received) + len(also_dead.received) == 3


def test_a_post_to_a_process_that_is_not_there_goes_to_another(tmp_path: Path) -> None:
    gone, there = Upstream(b""), Upstream(reply("201 Created"))
    gone.close()
    with nginx_before(tmp_path / "nginx", gone, there) as url:
        assert [call(url, "POST", "/messages", {"content": "x"}).status for _ in range(6)] == [201] * 6
        assert len(there.received) == 6


def test_refused_connects_are_held_against_no_process(tmp_path: Path) -> None:
    """No request is lost while one is away, and it is asked as soon as it is back."""
    away, there = Upstream(reply("200 OK", b"back")), Upstream(reply("200 OK"))
    away.close()
    with nginx_before(tmp_path / "nginx", away, there) as url:
        assert {call(url, method, "/messages").body for method in ("GET", "POST") for _ in range(20)} == {b"{}"}
        with contextlib.closing(Upstream(reply("200 OK", b"back"), port=away.port)):
            assert b"back" in {call(url, "POST", "/messages").body for _ in range(2)}
    log = (tmp_path / "nginx" / "log").read_text()
    took = [float(seconds) for seconds in re.findall(r'tries="502, 200" took="([\d.]+), ', log)]
    assert len(took) >= 10
    assert sum(took) < 2, "all of them together took less than one connect may (proxy_connect_timeout)"


def test_a_socket_that_one_process_refuses_goes_to_another_and_its_requests_stay(tmp_path: Path) -> None:
    draining, open_ = Upstream(reply("503 Service Unavailable", b"mine")), Upstream(reply("200 OK"))
    with nginx_before(tmp_path / "nginx", draining, open_) as url:
        assert {call(url, "GET", "/ws", headers=UPGRADE, token="x").status for _ in range(10)} == {200}
        assert {call(url, "GET", "/health/ready").status for _ in range(4)} == {200}
        assert draining.received, "it was asked, and its refusal passed on to nobody"
        assert {call(url, "POST", "/messages", {}).body for _ in range(4)} == {b"mine", b"{}"}
        assert {call(url, "GET", "/rooms").body for _ in range(4)} == {b"mine", b"{}"}


def test_a_process_is_told_the_clients_address_and_scheme_its_host_and_no_upgrade_but_a_websocket(
    tmp_path: Path,
) -> None:
    process = Upstream(reply("200 OK"))
    forged = {"X-Forwarded-For": FORGED, "X-Forwarded-Proto": "https", "Host": "chat.example.com:8443"}
    with nginx_before(tmp_path / "nginx", process) as url:
        for path, headers in (
            ("/rooms", {**forged, **UPGRADE}),
            ("/files/1", forged),
            ("/ws", {**forged, "Upgrade": "h2c", "Connection": "Upgrade"}),
            ("/ws", {**forged, **UPGRADE, "Upgrade": "WebSocket"}),
        ):
            assert call(url, "GET", path, headers=headers).status == 200
    *others, socket_ = [request.decode().lower().split("\r\n") for request in process.received]
    for lines in (*others, socket_):
        assert [line for line in lines if line.startswith("x-forwarded-for")] == ["x-forwarded-for: 127.0.0.1"]
        assert [line for line in lines if line.startswith("x-forwarded-proto")] == ["x-forwarded-proto: http"]
        assert "host: chat.example.com:8443" in lines
    for lines in others:
        assert not any(line.startswith(("upgrade:", "connection: upgrade")) for line in lines)
    assert {"upgrade: websocket", "connection: upgrade"} <= set(socket_)


def test_an_upload_streams_and_one_that_is_too_large_is_refused_at_once(tmp_path: Path) -> None:
    process = Upstream(reply("201 Created"))
    with nginx_before(tmp_path / "nginx", process) as url:
        address = url.removeprefix("http://")
        with socket.create_connection(("127.0.0.1", int(address.partition(":")[2]))) as uploading:
            uploading.sendall(b"POST /files HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
            poll(lambda: process.received and process.received[0].endswith(b"01234"))
            uploading.sendall(b"56789")
            assert uploading.recv(65_536).startswith(b"HTTP/1.1 201")
        for path, size in (("/files", 7_000_000), ("/messages", 200_000)):
            connection = http.client.HTTPConnection(address, timeout=30)
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", str(size))
            connection.endheaders()
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "payload_too_large")
            connection.close()
        assert len(process.received) == 1


OWN_REFUSALS = {
    "a long target": (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a long header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", 431),
    "21 KB in three lines": (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"X: " + b"x" * 7_000 + b"\r\n") * 3 + b"\r\n", 431),
    "a Host of 256 characters": (b"GET / HTTP/1.1\r\nHost: " + b"h" * 256 + b"\r\n\r\n", 400),
    "a Host of wrong form": (b"GET / HTTP/1.1\r\nHost: a:b:c\r\n\r\n", 400),
    "a Host with a comma": (b"GET /ws HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\r\n\r\n", 400),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "a coding of nobody": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "another protocol's version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    "a method of nginx's": (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "what is nginx's alone": (b"GET /.nginx/unreadable HTTP/1.1\r\nHost: x\r\n\r\n", 404),
}


@pytest.mark.parametrize(("data", "status"), OWN_REFUSALS.values(), ids=OWN_REFUSALS)
def test_what_nginx_refuses_by_itself_reaches_no_process_and_has_the_contracts_shape(
    tmp_path: Path, data: bytes, status: int
) -> None:
    process = Upstream(reply("200 OK"))
    with nginx_before(tmp_path / "nginx", process) as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as asking:
            asking.sendall(data)
            response = http.client.HTTPResponse(asking)
            response.begin()
            error = json.loads(response.read())["error"]
        assert (response.status, set(error)) == (status, {"code", "message", "details", "requestId"})
        assert response.headers["Content-Type"] == "application/json"
        assert process.received == []


def test_hosts_of_the_right_form_are_passed_on_and_http_1_0_may_have_none(tmp_path: Path) -> None:
    process = Upstream(reply("200 OK"))
    hosts = ["chat.example", "chat.example:8443", "[::1]:80", "[2001:db8::1]", "h" * 255, "a%20b_~"]
    with nginx_before(tmp_path / "nginx", process) as url:
        for host in hosts:
            assert call(url, "GET", "/rooms", headers={"Host": host}).status == 200
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as old:
            old.sendall(b"GET /rooms HTTP/1.0\r\n\r\n")
            assert old.recv(65_536).startswith(b"HTTP/1.1 200")
    assert [request.partition(b"\r\nHost: ")[2].partition(b"\r\n")[0].decode() for request in process.received] == [
        *hosts,
        "localhost",
    ]


def test_a_head_as_long_as_a_process_may_send_is_passed_on(tmp_path: Path) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Long: %s\r\n\r\n{}" % (b"x" * 7_000)
    with nginx_before(tmp_path / "nginx", Upstream(long)) as url:
        assert len(call(url, "GET", "/rooms").headers["x-long"]) == 7_000


def number(directive: str) -> int:
    """Of the shipped configuration: the product of a directive's numbers, in bytes."""
    (found,) = re.findall(rf"^ *{directive} (.*);", SHIPPED, re.MULTILINE)
    product = 1
    for word in found.split():
        product *= int(word.rstrip("k")) * (1024 if word.endswith("k") else 1)
    return product


def test_nginx_is_stricter_than_the_processes_are() -> None:
    bounds = HttpBounds()
    added = 1_024  # Host again, the client's address, Connection
    assert number("client_header_buffer_size") + number("large_client_header_buffers") + added < bounds.head_max_bytes
    assert min(map(int, re.findall(r"^ *client_body_timeout (\d+)s;", SHIPPED, re.MULTILINE))) < bounds.body_s
    assert min(map(int, re.findall(r"^ *keepalive_timeout (\d+)s;", SHIPPED, re.MULTILINE))) < bounds.idle_s
    assert re.findall(r"^ *client_max_body_size (\d+)k;", SHIPPED, re.MULTILINE) == [str(MAX_BODY_BYTES // 1024)]


def test_no_passive_check_is_there_that_a_client_could_trip() -> None:
    servers = re.findall(r"^ *server 127\.0\.0\.1:\d+ (.*?);", SHIPPED, re.MULTILINE)
    assert servers
    assert set(servers) == {"max_fails=0"}


def test_what_a_process_sends_uncompressed_stays_so_and_what_is_compressed_keeps_its_etag(tmp_path: Path) -> None:
    head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "strong"\r\nConnection: close\r\n'
    for coding, body in ((None, b'{"accessToken": "%s"}' % (b"x" * 5_000)), ("gzip", gzip.compress(b"x" * 5_000))):
        lines = f"Content-Encoding: {coding}\r\n" if coding else ""
        process = Upstream(f"{head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with nginx_before(tmp_path / f"nginx-{coding}", process) as url:
            answer = call(url, "GET", "/rooms", headers={"Accept-Encoding": "gzip, br"})
            assert b"Accept-Encoding: gzip, br\r\n" in process.received[-1]
            assert (answer.body, answer.headers["etag"]) == (body, '"strong"')
            assert answer.headers.get("content-encoding") == coding


def test_a_file_of_another_version_is_asked_of_all_before_any_version_will_do(tmp_path: Path) -> None:
    other, this = Upstream(reply("404 Not Found", b"none")), Upstream(reply("200 OK", b"file"))
    with nginx_before(tmp_path / "both", other, this) as url:
        assert {call(url, "GET", "/static/chat/app.0a1b2c3d.js", q="1").body for _ in range(6)} == {b"file"}
        assert other.received and this.received
        asked = {request.partition(b" HTTP")[0] for request in (*other.received, *this.received)}
        assert asked == {b"GET /static/chat/app.0a1b2c3d.js?version=this"}
    neither = Upstream(reply("404 Not Found", b"none"))
    with nginx_before(tmp_path / "one", neither) as url:
        answer = call(url, "GET", "/static/chat/app.0a1b2c3d.js")
        assert (answer.status, answer.body) == (404, b"none")
        assert [request.partition(b" HTTP")[0] for request in neither.received] == [
            b"GET /static/chat/app.0a1b2c3d.js?version=this",
            b"GET /static/chat/app.0a1b2c3d.js",
        ]
        for path in ("/static/chat.js", "/static/chat/app.js", "/static/chat/app.0a1b2c3.js", "/rooms"):
            assert call(url, "GET", path).body == b"none"
            assert neither.received[-1].startswith(f"GET {path} HTTP".encode())


def test_no_query_and_no_path_with_a_token_is_in_a_log_though_processes_fail(tmp_path: Path) -> None:
    gone, dead = Upstream(b""), Upstream(b"")
    gone.close()
    with nginx_before(tmp_path / "nginx", gone, dead) as url:
        for path in ("/ws", "/messages", "/files", "/health/ready"):
            assert (
                call(url, "GET", f"{path}?token=SECRET", headers={**UPGRADE, "Referer": "http://x/?SECRET"}).status
                == 503
            )
        for path in ("/hooks/SECRET", "/invites/SECRET", "/rooms/r1/invites/SECRET", "//hooks/SECRET/x?SECRET"):
            call(url, "POST", path, {"text": "?"})
        call(url, "GET", "http://absolute.example/ws?token=SECRET")
        call(url, "GET", "http://absolute.example/hooks/SECRET")
        call(url, "GET", "/ws?token=SECRET" + "x" * 40_000)
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as bad:
            bad.sendall(b"GET /ws?token=SECRET nonsense\r\nHost: x\r\n\r\n")
            bad.recv(1000)
    log = (tmp_path / "nginx" / "log").read_text()
    assert "SECRET" not in log
    assert "POST /rooms/r1/invites/- " in log
    assert re.search(r'GET /ws HTTP/1.1 503 .* tries="502(, 502)*', log), log


def test_nothing_cuts_the_sockets_of_an_old_worker_after_a_reload() -> None:
    assert not re.search(r"^\s*worker_shutdown_timeout", SHIPPED, re.MULTILINE)


def test_no_header_is_added_but_where_all_are() -> None:
    assert {len(spaces) for spaces in re.findall(r"^(?:#tls)?( *)add_header ", SHIPPED, re.MULTILINE)} == {4}
    assert not re.search(r"#tls +add_header", SHIPPED)


@dataclass(frozen=True)
class BadRequest:
    """Bytes that nginx answers by itself, and with which status (0: 400 or 431)."""

    request: bytes
    status: int

    def ask(self, connection: socket.socket) -> http.client.HTTPResponse:
        with connection:
            connection.sendall(self.request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            return response


HEAD = b"Host: chat.example.com\r\nConnection: close\r\n"
OWN = {
    "no request": BadRequest(b"nonsense\r\n\r\n", 400),
    "no host": BadRequest(b"GET /rooms HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "a header that is too long": BadRequest(
        b"GET /rooms HTTP/1.1\r\n" + HEAD + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n", 0
    ),
    "a path that is too long": BadRequest(b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    "a body that is too long": BadRequest(
        b"POST /messages HTTP/1.1\r\n" + HEAD + b"Content-Length: 9000000\r\n\r\n", 413
    ),
    "a file that is too long": BadRequest(b"POST /files HTTP/1.1\r\n" + HEAD + b"Content-Length: 9000000\r\n\r\n", 413),
    "trace": BadRequest(b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "an unknown coding": BadRequest(b"POST /messages HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: rot13\r\n\r\n", 501),
    "another version": BadRequest(b"GET /rooms HTTP/4.0\r\n" + HEAD + b"\r\n", 505),
    "no process": BadRequest(b"GET /rooms HTTP/1.1\r\n" + HEAD + b"\r\n", 503),
    "no process for a socket": BadRequest(b"GET /ws HTTP/1.1\r\n" + HEAD + b"\r\n", 503),
    "a process that is silent": BadRequest(b"GET /health/ready HTTP/1.1\r\n" + HEAD + b"\r\n", 503),
}
EXPECTED = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
SECURE = "max-age=31536000"


def security_of(response: http.client.HTTPResponse) -> dict[str, list[str] | None]:
    return {name: response.headers.get_all(name) for name in (*EXPECTED, "strict-transport-security")}


def own_headers(*, secure: bool) -> dict[str, list[str] | None]:
    return {
        **{name: [value] for name, value in EXPECTED.items()},
        "strict-transport-security": [SECURE] if secure else None,
    }


class SilentUpstream(Upstream):
    """A process that takes a health check and says nothing for as long as it is asked; on all else it hangs up."""

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            if connection.recv(65_536).startswith(b"GET /health/ready"):
                connection.recv(1)  # until nginx gives up


@pytest.mark.parametrize("secure", [True, False], ids=["over TLS", "plain"])
def test_what_nginx_answers_by_itself_has_every_header_once(tmp_path: Path, secure: bool) -> None:
    with ExitStack() as stack:
        if secure:
            edge = stack.enter_context(with_tls(tmp_path, SilentUpstream(b"")))
            connect = edge.connect
        else:
            url = stack.enter_context(nginx_before(tmp_path / "nginx", SilentUpstream(b"")))
            port = int(url.rpartition(":")[2])

            def connect() -> socket.socket:
                return socket.create_connection(("127.0.0.1", port), timeout=60)

        wrong = {}
        for name, asking in OWN.items():
            response = asking.ask(connect())
            assert response.status == asking.status or (not asking.status and response.status in (400, 431)), (
                name,
                response.status,
            )
            if security_of(response) != own_headers(secure=secure) or not re.fullmatch(
                "[0-9a-f]{32}", response.headers["x-request-id"]
            ):
                wrong[name] = response.headers.items()
            assert response.headers.get_all("retry-after") == (["1"] if response.status == 503 else None), name
        assert wrong == {}
        if secure:
            plain_to_tls = BadRequest(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", 400).ask(
                edge.connect_plainly(edge.secure)
            )
            assert (plain_to_tls.status, security_of(plain_to_tls)) == (400, own_headers(secure=False))
            moved = BadRequest(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", 308).ask(edge.connect_plainly(edge.plain))
            assert (moved.status, security_of(moved)) == (308, own_headers(secure=False))


def test_what_a_process_answers_keeps_its_own_headers_and_gets_the_one_of_transport(tmp_path: Path) -> None:
    head = "".join(f"{name}: theirs\r\n" for name in (*EXPECTED, "x-request-id")) + "Retry-After: 7\r\n"
    process = Upstream(f"HTTP/1.1 503 x\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
    with with_tls(tmp_path, process) as edge:
        response = BadRequest(b"GET /rooms HTTP/1.1\r\n" + HEAD + b"\r\n", 503).ask(edge.connect())
        assert security_of(response) == {
            **{name: ["theirs"] for name in EXPECTED},
            "strict-transport-security": [SECURE],
        }
        assert (response.headers.get_all("x-request-id"), response.headers.get_all("retry-after")) == (
            ["theirs"],
            ["7"],
        )


@dataclass(frozen=True)
class TlsProxy:
    """nginx with its TLS lines: two ports, and a client that trusts its certificate."""

    secure: int
    plain: int
    trusting: ssl.SSLContext

    def connect_plainly(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=60)

    def connect(self) -> socket.socket:
        return self.trusting.wrap_socket(self.connect_plainly(self.secure))


@contextmanager
def with_tls(folder: Path, process: Upstream) -> Iterator[TlsProxy]:
    """The shipped file with its TLS lines switched on as it says. Skips the test without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("need openssl on PATH (Debian: apt-get install openssl)")
    (script,) = re.findall(r"^#     (sed .*) /etc/nginx/nginx.conf$", SHIPPED, re.MULTILINE)
    (folder / "conf").write_text(SHIPPED)
    subprocess.run(["bash", "-c", f"{script} {folder / 'conf'}"], check=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    secure = free_port(2)
    plain = secure + 1
    text = (folder / "conf").read_text()
    assert not re.search(r"^ *#tls", text, re.MULTILINE)
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    text = text.replace("listen 443", f"listen 127.0.0.1:{secure}").replace("listen 80", f"listen 127.0.0.1:{plain}")
    text = text.replace("/etc/ssl/chat/fullchain.pem", str(certificate)).replace("/etc/ssl/chat/privkey.pem", str(key))
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    with nginx_before(folder / "nginx", process, shipped=text, port=secure):
        yield TlsProxy(secure, plain, trusting)


def test_the_tls_lines_uncommented_as_the_file_says_serve_https_and_send_http_there(tmp_path: Path) -> None:
    process = Upstream(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: files=1; HttpOnly\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    with with_tls(tmp_path, process) as edge:
        over_tls = http.client.HTTPSConnection("127.0.0.1", edge.secure, context=edge.trusting, timeout=30)
        over_tls.request("GET", "/rooms")
        answer = over_tls.getresponse()
        assert answer.status == 200
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert "secure" in answer.headers["Set-Cookie"].lower()
        assert "nginx/" not in answer.headers["Server"]
        over_tls.close()
        moved = call(
            f"http://127.0.0.1:{edge.plain}", "POST", "/rooms?limit=1", {}, headers={"Host": "chat.example.com"}
        )
        assert (moved.status, moved.headers["location"]) == (308, "https://chat.example.com/rooms?limit=1")
        assert call(f"http://127.0.0.1:{edge.plain}", "GET", "/", headers={"Host": "h" * 300}).status == 400
