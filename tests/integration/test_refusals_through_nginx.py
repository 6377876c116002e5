"""`make cluster` under floods of requests that are refused: only their sender is refused, and no other client's request
fails.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import Struct, field

from tests.integration.test_nginx_cluster import NGINX, NGINX_MISSING, ClusterProcess, serving_cluster
from tests.support.client import PASSWORD
from tests.support.uploads import FORM, form, part
from tests.support.waiting import poll

OTHERS_REQUESTS = 200
FLOOD_AT_LEAST = 20  # the least number of requests of each flooding client
HANDS = 4  # threads that send the other users' requests
OTHERS_ADDRESS, OPERATOR = "127.0.0.2", "127.0.0.4"
SOCKETS_MAX = 2  # of each process: few, so that some users hold all
PEOPLE = 16
REPLY_WITHIN_S = 30.0

pytestmark = pytest.mark.skipif(NGINX is None, reason=NGINX_MISSING)

Request = Callable[[str], bytes]  # the request, built from the flooding user's token


def request_bytes(line: str, *headers: str, body: bytes = b"", host: str = "chat.example") -> bytes:
    sized = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join((line, f"Host: {host}", *headers, *sized, "", "")).encode() + body


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)

# Refused requests, each with the statuses that it may get besides 429 (under the default limits).
REFUSALS: dict[str, tuple[set[int], Request]] = {
    "no token": ({401}, lambda _: request_bytes("GET /users HTTP/1.1")),
    "no token, HEAD": ({401, 405}, lambda _: request_bytes("HEAD /users HTTP/1.1")),
    "no token, with a body": ({401}, lambda _: request_bytes("POST /messages HTTP/1.1", body=b"x" * 5_000)),
    "no token, with a large body": ({401}, lambda _: request_bytes("POST /messages HTTP/1.1", body=b"x" * 60_000)),
    "no token, expecting 100": (
        {401},
        lambda _: request_bytes("POST /messages HTTP/1.1", "Expect: 100-continue", body=b"x" * 500),
    ),
    "a bad token": ({401}, lambda _: request_bytes("GET /rooms HTTP/1.1", "Authorization: Bearer nonsense")),
    "chunks without a token": (
        {401},
        lambda _: request_bytes("POST /messages HTTP/1.1", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    ),
    "not an operator": ({403}, lambda token: request_bytes("GET /metrics HTTP/1.1", f"Authorization: Bearer {token}")),
    "a foreign origin": ({403}, lambda _: request_bytes("GET /ws HTTP/1.1", "Origin: http://evil.example", *UPGRADE)),
    "no route": ({404}, lambda _: request_bytes("GET /no/such HTTP/1.1")),
    "no route, with a body": ({404}, lambda _: request_bytes("PUT /no/such HTTP/1.1", body=b"x" * 50_000)),
    "no route, while the body streams": (
        {413},
        lambda _: request_bytes("POST /files/none/at/all HTTP/1.1", "Content-Length: 5000000") + b"x" * 150_000,
    ),
    "no route, while chunks stream": (
        {404},
        lambda _: (
            request_bytes("POST /files/none/at/all HTTP/1.1", "Transfer-Encoding: chunked")
            + b"8000\r\n"
            + b"x" * 32_768
            + b"\r\n"
        ),
    ),
    "an upload that is too large": (
        {413, 429},
        lambda token: (
            request_bytes(
                "POST /files HTTP/1.1",
                f"Authorization: Bearer {token}",
                "Content-Length: 6000000",
                f"Content-Type: {FORM}",
            )
            + b"x" * 150_000
        ),
    ),
    "an upload that is no form": (
        {400, 429},
        lambda token: (
            request_bytes(
                "POST /files HTTP/1.1",
                f"Authorization: Bearer {token}",
                "Content-Length: 4000000",
                f"Content-Type: {FORM}",
            )
            + form(part(b"x")).replace(b"form-data", b"nonsense")
            + b"x" * 150_000
        ),
    ),
    "no such room": ({404}, lambda token: request_bytes("GET /rooms/none HTTP/1.1", f"Authorization: Bearer {token}")),
    "a method that is not there": ({405}, lambda _: request_bytes("DELETE /auth/login HTTP/1.1", body=b"x" * 3_000)),
    "a method of nobody": ({405}, lambda _: request_bytes("BREW /rooms HTTP/1.1")),
    "too large": ({413}, lambda _: request_bytes("POST /messages HTTP/1.1", body=b"x" * 100_000)),
    "too large in chunks": (
        {413},
        lambda _: (
            request_bytes("POST /auth/login HTTP/1.1", "Transfer-Encoding: chunked")
            + b"10001\r\n"
            + b" " * 65_537
            + b"\r\n0\r\n\r\n"
        ),
    ),
    "not JSON": ({400}, lambda _: request_bytes("POST /auth/refresh HTTP/1.1", body=b"nonsense")),
    "not valid": ({422}, lambda _: request_bytes("POST /auth/refresh HTTP/1.1", body=b"{}")),
    "a taken name": (
        {409, 429},  # 429 from the AUTH limit alone: other attempts are counted by account
        lambda _: request_bytes(
            "POST /auth/register HTTP/1.1",
            body=json.dumps({"username": "person0", "email": "x@example.com", "password": PASSWORD}).encode(),
        ),
    ),
    "no upgrade": ({400}, lambda _: request_bytes("GET /ws HTTP/1.1")),
    "an upgrade of another version": (
        {426, 503},
        lambda _: request_bytes("GET /ws HTTP/1.1", *UPGRADE).replace(b"Version: 13", b"Version: 7"),
    ),
    "no place for a socket": ({503}, lambda _: request_bytes("GET /ws HTTP/1.1", *UPGRADE)),
    "21 KB of headers in three lines": (
        {400, 431},
        lambda _: request_bytes("GET /rooms HTTP/1.1", *(f"X-{name}: {'x' * 7_000}" for name in "ABC")),
    ),
    "2,000 headers": ({400, 431}, lambda _: request_bytes("GET /rooms HTTP/1.1", *["a:b"] * 2_000)),
    "a long target": ({414}, lambda _: request_bytes(f"GET /rooms?q={'x' * 12_000} HTTP/1.1")),
    "a Host of 2,500 characters": ({400}, lambda _: request_bytes("GET / HTTP/1.1", host="h" * 2_500)),
    "a Host of 256 characters": ({400}, lambda _: request_bytes("GET /health HTTP/1.1", host="h" * 256)),
    "a Host of wrong form": ({400}, lambda _: request_bytes("GET / HTTP/1.1", host="chat.example:80:80")),
    "two Hosts": ({400}, lambda _: request_bytes("GET / HTTP/1.1", "Host: other.example")),
    "an Origin of 3,000 characters": (
        {401},
        lambda _: request_bytes("GET /users HTTP/1.1", f"Origin: http://{'o' * 3_000}"),
    ),
    "a bad length": ({400}, lambda _: request_bytes("POST /messages HTTP/1.1", "Content-Length: nine")),
    "length and chunks": (
        {400},
        lambda _: (
            request_bytes("POST /messages HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"
        ),
    ),
    "no HTTP": ({400}, lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"),
}

# The kinds in `make test`: refused at once, refused while the body streams, on a route with its own limit, a WebSocket
# over the cap, and two refused by nginx. The whole table is `slow`.
SMOKE = (
    "no token, with a large body",
    "no route, while the body streams",
    "a taken name",
    "no place for a socket",
    "a Host of 256 characters",
    "length and chunks",
)

WORDLESS = ("no token, HEAD", "an upgrade of another version")


class ClientUser(Struct):
    """A user with a token and a kept connection."""

    cluster: ClusterProcess
    name: str
    address: str
    token: str = ""
    room: str = ""
    kept: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """One request on the kept connection, which is opened if there is none."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.kept is None:
            self.kept = http.client.HTTPConnection(
                "127.0.0.1", self.cluster.port, timeout=REPLY_WITHIN_S, source_address=(self.address, 0)
            )
        self.kept.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.kept.getresponse()
        return response.status, response.read()

    def register(self, address: str) -> None:
        """Register from `address`: the limit allows few registrations from one."""
        own, self.address = self.address, address
        body = {"username": self.name, "email": f"{self.name}@example.com", "password": PASSWORD}
        status, reply = self.ask("POST", "/auth/register", body)
        assert status == 201, reply
        self.token = json.loads(reply)["accessToken"]
        self.close()
        self.address = own

    def close(self) -> None:
        if self.kept is not None:
            self.kept.close()
            self.kept = None


class RefusalLoop(Struct):
    """Repeats one refused request from one address, on a kept connection that is replaced when it ends."""

    port: int
    address: str
    request: bytes
    over: threading.Event
    statuses: list[int] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)  # the replies' bodies without request ids

    def run(self) -> None:
        while not (self.over.is_set() and len(self.statuses) >= FLOOD_AT_LEAST):
            with socket.create_connection(("127.0.0.1", self.port), REPLY_WITHIN_S, (self.address, 0)) as sock:
                kept = True
                while kept and not (self.over.is_set() and len(self.statuses) >= FLOOD_AT_LEAST):
                    kept = self._ask(sock)

    def _ask(self, sock: socket.socket) -> bool:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # nginx may refuse before it has read all
            sock.sendall(self.request)
        response = http.client.HTTPResponse(sock, method=self.request.partition(b" ")[0].decode("latin-1"))
        try:
            response.begin()
            body = response.read()
        except (http.client.HTTPException, ConnectionResetError):
            return False  # nginx had already closed the kept connection
        self.statuses.append(response.status)
        self.bodies.add(re.sub(rb'"requestId":"[0-9a-f]+"', b"", body))
        return (
            not response.will_close
            and b"Transfer-Encoding" not in self.request
            and b"Content-Length: 5000000" not in self.request
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterProcess]:
    """Two processes with the default limits, and few WebSocket connections allowed."""
    env = {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_ADAPTIVE": "false", "METRICS_ALLOW": OPERATOR}
    sockets = {"WS_MAX_CONNECTIONS": str(SOCKETS_MAX), "WS_PING_INTERVAL": "600"}
    with serving_cluster(tmp_path_factory.mktemp("cluster"), **env, **sockets) as one:
        yield one


@pytest.fixture(scope="module")
def people(cluster: ClusterProcess) -> Iterator[list[ClientUser]]:
    """The users who must not be refused: each in its own room, all at one address; some of them hold all the
    WebSocket connections that the server allows.
    """
    everybody = [ClientUser(cluster, f"person{number}", OTHERS_ADDRESS) for number in range(PEOPLE)]
    for number, person in enumerate(everybody):
        person.register(f"127.0.1.{number + 1}")
        status, reply = person.ask("POST", "/rooms", {"name": "A room"})
        assert status == 201, reply
        person.room = json.loads(reply)["room"]["id"]
    with contextlib.ExitStack() as held:
        for person in everybody[: 2 * SOCKETS_MAX]:
            sock = held.enter_context(
                socket.create_connection(("127.0.0.1", cluster.port), REPLY_WITHIN_S, (OTHERS_ADDRESS, 0))
            )
            sock.sendall(request_bytes("GET /ws HTTP/1.1", f"Authorization: Bearer {person.token}", *UPGRADE))
            assert sock.recv(65_536).startswith(b"HTTP/1.1 101 ")
        yield everybody
    for person in everybody:
        person.close()


def ordinary_requests(people: Sequence[ClientUser], count: int) -> list[tuple[str, int]]:
    """Make `count` requests of ordinary users one after another. Returns the refused ones."""
    refused = []
    for number in range(count):
        person = people[number // 10 % len(people)]
        room, said = f"/rooms/{person.room}", {"roomId": person.room, "content": "text"}
        method, path, body, wanted = (
            ("GET", "/health", None, 200),
            ("GET", room, None, 200),
            ("GET", "/", None, 200),
            ("GET", f"/messages?roomId={person.room}", None, 200),
            ("POST", f"{room}/join", None, 200) if number % 20 > 10 else ("POST", "/messages", said, 201),
            *[("GET", "/health", None, 200)] * 5,
        )[number % 10]
        try:
            status, _ = person.ask(method, path, body)
        except (http.client.HTTPException, OSError) as error:
            person.close()
            refused.append((f"{method} {path}: {error!r}", 0))
            continue
        if status != wanted:
            refused.append((f"{method} {path}", status))
    return refused


@pytest.mark.parametrize(
    ("kind", "clients"),
    [
        pytest.param(kind, clients, marks=[] if kind in SMOKE and clients == 8 else pytest.mark.slow)
        for kind in REFUSALS
        for clients in (1, 8)
    ],
)
def test_whatever_is_refused_to_one_is_refused_to_nobody_else(
    cluster: ClusterProcess, people: list[ClientUser], kind: str, clients: int
) -> None:
    allowed, request = REFUSALS[kind]
    case = list(REFUSALS).index(kind) * 2 + (clients > 1)
    address = f"127.0.2.{case + 1}"
    flooder = ClientUser(cluster, f"flooder{address}", address)
    if request("one") != request("another"):
        flooder.register(address)
    begin = len(cluster.log())
    over = threading.Event()
    floods = [RefusalLoop(cluster.port, address, request(flooder.token), over) for _ in range(clients)]
    with ThreadPoolExecutor(clients + HANDS) as threads:
        flooding = [threads.submit(flood.run) for flood in floods]
        try:
            # The first of a hand's people posts most: another one each time, or they would meet a limit of their own
            turned = people[case % PEOPLE :] + people[: case % PEOPLE]
            asking = [
                threads.submit(ordinary_requests, turned[hand::HANDS], OTHERS_REQUESTS // HANDS)
                for hand in range(HANDS)
            ]
            refused = [what for hand in asking for what in hand.result()]
        finally:
            over.set()
        for flood in flooding:
            flood.result()
    log = cluster.log()[begin:]
    statuses = {status for flood in floods for status in flood.statuses}
    wordless = [
        body for flood in floods for body in flood.bodies if not re.match(rb'\{"error":\{"code":"[a-z_]+"', body)
    ]
    assert refused == []
    assert not re.search(r'^nginx: .*(?: 502 bytes=|tries="[^"]*50[24])', log, re.MULTILINE)
    assert statuses <= {*allowed, 429}
    assert statuses & allowed
    assert wordless == [] or kind in WORDLESS


def test_a_process_that_stands_still_holds_up_few_and_is_steered_round(
    cluster: ClusterProcess, people: list[ClientUser]
) -> None:
    """Each request that it was given waits for it, and with those it has more under way than the other."""
    (stopped,) = cluster.pids("p1")
    numbers = iter(range(OTHERS_REQUESTS))
    answered: list[int] = []

    def ask(person: ClientUser) -> None:
        for _ in numbers:
            answered.append(person.ask("GET", "/health")[0])

    with ThreadPoolExecutor(HANDS) as threads:
        os.kill(stopped, signal.SIGSTOP)
        try:
            asking = [threads.submit(ask, person) for person in people[:HANDS]]
            poll(lambda: len(answered) >= OTHERS_REQUESTS - HANDS // 2)
        finally:
            os.kill(stopped, signal.SIGCONT)
        for hand in asking:
            hand.result()
    assert answered == [200] * OTHERS_REQUESTS
