"""A handshake is answered alike whether it is of the ordinary form, which is carried out on the bare socket, or of
another, which Tornado's parser and the handler carry out.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from tests.integration.conftest import Start, embedded_store
from tests.support.client import Person, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess
from tests.support.waiting import poll

UNUSUAL = {"X-Empty": ""}  # a header without a value is legal, and rare


store_env = embedded_store  # what is tested here ends before any store


def answer(server: ServerProcess, headers: Mapping[str, str | None], person: Person | None) -> tuple[object, ...]:
    """The status, the names of the headers, and the code of the error or of what the connection says first."""
    token = None if person is None else person.access_token
    with RawWebSocket(server.port, token=token, headers=headers) as raw:
        names = sorted(line.partition(b":")[0].lower() for line in raw.head.split(b"\r\n")[1:])
        if raw.status != 101:
            return raw.status, names, raw.json_body()["error"]["code"]
        first = raw.read_message()
        return 101, names, raw.close_code if first is None else (first["event"], sorted(first["data"]))


def assert_alike(server: ServerProcess, headers: Mapping[str, str | None], person: Person | None) -> tuple[object, ...]:
    ordinary, unusual = answer(server, headers, person), answer(server, {**headers, **UNUSUAL}, person)
    assert ordinary == unusual
    return ordinary


@pytest.mark.parametrize(
    ("headers", "status", "then"),
    [
        ({}, 101, "welcome"),
        ({"Authorization": "Bearer nonsense"}, 101, 4401),
        ({"Authorization": "Basic nonsense"}, 101, "welcome"),
        ({"Sec-WebSocket-Protocol": "chat.v1, bearer.nonsense", "Authorization": None}, 101, 4401),
        ({"Origin": "http://127.0.0.1:{port}"}, 101, "welcome"),
        ({"Origin": "https://elsewhere.example"}, 403, "forbidden"),
        ({"Origin": "https://chat.example", "Host": "chat.example", "X-Forwarded-Proto": "https"}, 101, "welcome"),
        ({"Origin": "http://chat.example", "Host": "chat.example", "X-Forwarded-Proto": "https"}, 403, "forbidden"),
        ({"Upgrade": "h2c"}, 400, "malformed"),
    ],
)
def test_both_ways_answer_a_handshake_alike(
    server: ServerProcess, headers: dict[str, str | None], status: int, then: object
) -> None:
    sent = {name: value and value.replace("{port}", str(server.port)) for name, value in headers.items()}
    said = assert_alike(server, sent, register(server.url))
    found = said[2][0] if isinstance(said[2], tuple) else said[2]
    assert (said[0], found) == (status, then)


def test_both_ways_count_against_the_limit_on_connects_and_refuse_alike(start: Start) -> None:
    server = start(RATE_LIMIT_CONNECTS="3/3600")
    for headers in ({}, UNUSUAL, {}):
        with RawWebSocket(server.port, headers=headers) as raw:
            assert raw.status == 101
    status, names, code = assert_alike(server, {}, None)
    assert (status, code) == (429, "rate_limited")
    assert isinstance(names, list)
    assert {b"retry-after", b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset"} <= set(names)
    with RawWebSocket(server.port, headers={"X-Forwarded-For": "192.0.2.7"}) as another:
        assert another.status == 101
    assert server.log().count("path=/ws status=429") == 2


def test_both_ways_refuse_alike_while_the_pool_is_full(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS="1")
    with RawWebSocket(server.port):
        assert assert_alike(server, {}, None)[::2] == (503, "unavailable")
    poll(lambda: answer(server, {}, None)[0] == 101)


def test_both_ways_take_the_place_of_the_connection_that_is_to_be_replaced(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS_PER_USER="1")
    ada = register(server.url)
    for ended, headers in ((3, {}), (6, UNUSUAL)):
        with RawWebSocket(server.port, token=ada.access_token) as first:
            welcome = first.read_message()
            assert welcome is not None
            with RawWebSocket(server.port, token=ada.access_token, headers=headers) as second:
                assert (second.read_message(), second.close_code) == (None, 4429)
            with socket.create_connection(("127.0.0.1", server.port)) as third:
                third.sendall(replacing(server, ada, welcome["data"]["connectionId"], headers))
                assert first.read_message() is None
                assert first.close_code == 4409
                assert b" 101 " in third.recv(65_536)
        poll(lambda ended=ended: server.log().count("connection ended") == ended)


@pytest.mark.parametrize("headers", [{}, UNUSUAL])
@pytest.mark.parametrize(
    ("refused_for", "status"), [({}, 400), ({"Origin": "https://elsewhere.example"}, 403), ({"Upgrade": "h2c"}, 400)]
)
def test_what_comes_behind_a_handshake_is_never_taken_for_a_request(
    server: ServerProcess, headers: dict[str, str], refused_for: dict[str, str], status: int
) -> None:
    head = replacing(server, register(server.url), "none", {**headers, **refused_for})
    if "Upgrade" in refused_for:
        head = head.replace(b"Upgrade: websocket\r\n", b"")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(30)
        connection.sendall(head + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert reply.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in reply


def replacing(server: ServerProcess, person: Person, connection_id: str, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"GET /ws?replaces={connection_id} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {person.access_token}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_both_ways_log_a_handshake_alike(server: ServerProcess) -> None:
    for headers in ({}, UNUSUAL):
        with RawWebSocket(server.port, headers=headers) as raw:
            welcome = raw.read_message()
            assert welcome is not None
        told = f"path=/ws status=101 connection={welcome['data']['connectionId']} "
        poll(lambda told=told: told in server.log())
        line = next(line for line in server.log().splitlines() if told in line)
        names = [field.partition("=")[0] for field in line.partition("access: request ")[2].split()]
        assert names == ["method", "path", "status", "connection", "ms", "client", "request"]


def test_a_connection_that_sends_nothing_and_one_that_sends_half_a_head_are_served_when_the_rest_comes(
    server: ServerProcess,
) -> None:
    whole = replacing(server, register(server.url), "none", {})
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.settimeout(30)
        slow.sendall(whole[:40])
        with RawWebSocket(server.port) as other:
            assert other.status == 101
        slow.sendall(whole[40:])
        assert slow.recv(65_536).startswith(b"HTTP/1.1 101 ")
