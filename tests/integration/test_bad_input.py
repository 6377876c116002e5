"""Invalid input of every kind: each gets the contract's error in one line, the process goes on, and the log has no
error.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import CommandRefused, Person, Reply, call, chat, register
from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def ada(server: ServerProcess) -> Person:
    return register(server.url)


@pytest.fixture(scope="module")
def room_id(ada: Person) -> Iterator[str]:
    room: str = ada.make_room()["id"]
    yield room
    assert ada.post(room, "still here")["content"] == "still here"


def post(person: Person, body: object) -> Reply:
    return person.call("POST", "/messages", body)


def raw_body(room_id: str, content_json: str) -> bytes:
    return f'{{"roomId":"{room_id}","content":{content_json}}}'.encode()


# ---- bodies ------------------------------------------------------------------------------------------------------


@embedded
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{",
        b'{"roomId": "x",}',
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"\xff\xfe{}",
        b'{"roomId": "\xff"}',
        b'{"roomId": NaN}',
        b'{"content": Infinity}',
        b"{'roomId': 'x'}",
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b"roomId=x&content=y",
    ],
)
def test_what_is_no_json_object_is_malformed(ada: Person, body: bytes) -> None:
    reply = post(ada, body)
    assert (reply.status, reply.code) == (400, "malformed")
    error = reply.json["error"]
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["requestId"] == reply.headers["x-request-id"]


@embedded
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"roomId": None}, "roomId"),
        ({"roomId": 7}, "roomId"),
        ({"roomId": ""}, "roomId"),
        ({"roomId": {"$ne": ""}}, "roomId"),
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"content": 7}, "content"),
        ({"content": ["a"]}, "content"),
        ({"content": "x" * 2001}, "content"),
        ({"content": "😀" * 2001}, "content"),
        ({"content": "nul \0"}, "content"),
        ({"clientId": "x" * 65}, "clientId"),
        ({"clientId": ""}, "clientId"),
        ({"clientId": 7}, "clientId"),
        ({"clientId": "a\0"}, "clientId"),
        ({"mentions": "u1"}, "mentions"),
        ({"mentions": [7]}, "mentions"),
        ({"mentions": ["u"] * 51}, "mentions"),
        ({"mentions": ["a\0"]}, "mentions"),
        ({"attachments": ["f"] * 11}, "attachments"),
        ({"replyToId": 7}, "replyToId"),
    ],
)
def test_a_wrong_field_of_a_message_is_named(ada: Person, room_id: str, change: dict[str, Any], field: str) -> None:
    reply = post(ada, {"roomId": room_id, "content": "hello", **change})
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


@embedded
@pytest.mark.parametrize("content", [r'"\ud800"', r'"a \udc00 b"', r'"\udc00\ud800"', r'"\u0000"', r'"\ud83d"'])
def test_lone_surrogates_and_nul_are_refused_however_they_are_written(ada: Person, room_id: str, content: str) -> None:
    reply = post(ada, raw_body(room_id, content))
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["content"])


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (r'"\ud83d\ude00"', "😀"),
        ('"😀"', "😀"),
        ('"' + "😀" * 2000 + '"', "😀" * 2000),
        (r'"\\u0000"', "\\u0000"),
        (r'"tab\t, line\n, slash\/, quote\""', 'tab\t, line\n, slash/, quote"'),
        ('"\u202e right to left, \u200b nothing, e\u0301"', "\u202e right to left, \u200b nothing, e\u0301"),
        ('"<script>alert(1)</script>"', "<script>alert(1)</script>"),
        ('" "', " "),
    ],
)
def test_whatever_else_is_written_comes_back_the_same(ada: Person, room_id: str, content: str, kept: str) -> None:
    reply = post(ada, raw_body(room_id, content))
    assert reply.status == 201
    message = reply.json["message"]
    assert message["content"] == kept
    assert ada.call("GET", f"/messages/{message['id']}").json["message"]["content"] == kept


def test_the_limits_of_content_and_client_id_are_reached(ada: Person, room_id: str) -> None:
    message = ada.post(room_id, "x" * 2000, clientId="c" * 64)
    assert (len(message["content"]), message["clientId"]) == (2000, "c" * 64)


def test_of_a_repeated_field_the_last_counts_and_unknown_ones_are_ignored(ada: Person, room_id: str) -> None:
    body = f'{{"roomId":"{room_id}","content":"first","content":"last","seq":99,"userId":"someone","__proto__":{{}}}}'
    message = post(ada, body.encode()).json["message"]
    assert (message["content"], message["userId"]) == ("last", ada.id)


# ---- queries -----------------------------------------------------------------------------------------------------


@embedded
@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"limit": "0"}, ["limit"]),
        ({"limit": "101"}, ["limit"]),
        ({"limit": "-5"}, ["limit"]),
        ({"limit": "ten"}, ["limit"]),
        ({"limit": "9" * 400}, ["limit"]),
        ({"before": "1", "after": "1"}, ["after", "before"]),
        ({"before": "-1"}, ["before"]),
        ({"after": "x"}, ["after"]),
        ({"after": str(2**63)}, ["after"]),
        *(({"limit": text}, ["limit"]) for text in ("²", "٥", "5_0", "+5", " 5", "5.0", "5e0", "0x5", "null", "true")),
        *(({"after": text}, ["after"]) for text in ("null", "-0", "1.0", "1e1", "١")),
        ({"limit": "0", "before": "x"}, ["before", "limit"]),
    ],
)
def test_a_bad_page_is_422_with_its_fields(ada: Person, room_id: str, query: dict[str, str], fields: list[str]) -> None:
    reply = ada.call("GET", "/messages", roomId=room_id, **query)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert sorted(reply.json["error"]["details"]) == fields


def test_history_without_a_room_or_of_a_bad_one(ada: Person) -> None:
    for path in ("/messages", "/messages?roomId=&limit="):
        assert ada.call("GET", path).json["error"]["details"] == {"roomId": "is required"}
    assert ada.call("GET", "/messages", roomId="nowhere").code == "room_not_found"
    assert ada.call("GET", "/messages?roomId=%ff").status == 422
    assert ada.call("GET", "/messages?roomId=%00").status in {404, 422}
    assert ada.call("GET", "/messages/nowhere").code == "message_not_found"


# ---- the HTTP of it ----------------------------------------------------------------------------------------------


def exchange(server: ServerProcess, data: bytes, *, then_end: bool = False) -> bytes:
    """Send raw bytes, shut down sending if `then_end`, and return what is received until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        with contextlib.suppress(OSError):  # the server may close, or reset, before it has read all of it
            sock.sendall(data)
            if then_end:
                sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while more := sock.recv(65_536):
                received += more
    return received


def head(server: ServerProcess, line: str, *headers: str) -> bytes:
    return "\r\n".join((line, f"Host: 127.0.0.1:{server.port}", *headers, "", "")).encode()


@embedded
def test_a_body_that_ends_early_is_told_so_and_closed_after_ten_seconds(server: ServerProcess, ada: Person) -> None:
    data = (
        head(server, "POST /messages HTTP/1.1", f"Authorization: Bearer {ada.access_token}", "Content-Length: 500")
        + b"{"
    )
    began = time.monotonic()
    answer = exchange(server, data)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer
    assert 8 < time.monotonic() - began < 28


@embedded
def test_a_too_large_body_gets_413_by_its_length_alone(server: ServerProcess) -> None:
    answer = exchange(
        server, head(server, "POST /auth/login HTTP/1.1", "Content-Length: 1000000000", "Connection: close")
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"payload_too_large"' in answer


@embedded
def test_a_too_large_body_gets_413_while_it_streams(server: ServerProcess) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    data = head(server, "POST /auth/login HTTP/1.1", "Transfer-Encoding: chunked") + chunk * 3
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(data)  # the last chunk is never sent
        answer = sock.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")


@embedded
def test_a_body_just_within_the_limit_is_read(ada: Person, room_id: str) -> None:
    body = json.dumps({"roomId": room_id, "content": "padded"}).encode()
    assert post(ada, body + b" " * (65_536 - len(body))).status == 201
    assert post(ada, body + b" " * (65_537 - len(body))).code == "payload_too_large"


@embedded
@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n",
        b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_http_is_closed_and_harms_nobody(server: ServerProcess, data: bytes) -> None:
    answer = exchange(server, data, then_end=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert call(server.url, "GET", "/health").status == 200


@embedded
@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/..%5c..%5cetc%5cpasswd",
        "/static//etc/passwd",
        "/static/",
        "/static/chat.js%00.html",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/data/chat.db",
        "/.git/config",
        "/server.py",
    ],
)
def test_a_path_leads_nowhere_but_to_its_route(server: ServerProcess, path: str) -> None:
    answer = exchange(server, head(server, f"GET {path} HTTP/1.1", "Connection: close"))
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"root:" not in answer
    assert b"import" not in answer


@embedded
def test_a_method_that_a_route_has_not_is_405_with_those_it_has(server: ServerProcess, ada: Person) -> None:
    for method, path, allowed in (
        ("DELETE", "/auth/login", "POST, OPTIONS"),
        ("PUT", "/rooms", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ):
        reply = ada.call(method, path)
        assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method_not_allowed", allowed)
    reply = ada.call("POST", "/ws")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert ada.call("BREW", "/rooms").status == 405


@embedded
def test_an_unknown_route_is_not_found_for_every_method(ada: Person) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        reply = ada.call(method, "/no/such/thing", {})
        assert (reply.status, reply.code) == (404, "not_found")


@embedded
def test_head_of_the_page_and_of_health_has_no_body(server: ServerProcess) -> None:
    for path in ("/", "/health", "/health/ready", "/static/chat.js"):
        full, reply = call(server.url, "GET", path), call(server.url, "HEAD", path)
        assert (reply.status, reply.body) == (200, b"")
        if path.startswith("/static"):
            assert reply.headers["content-length"] == full.headers["content-length"]


# ---- origins -----------------------------------------------------------------------------------------------------


def preflight(server: ServerProcess, origin: str) -> Reply:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return call(server.url, "OPTIONS", "/rooms", headers=headers)


@embedded
def test_only_listed_origins_and_our_own_are_let_in(start: Start) -> None:
    server = start(CORS_ORIGINS="https://chat.example,http://localhost:3000")
    for origin in ("https://chat.example", "http://localhost:3000", server.url):
        reply = preflight(server, origin)
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, origin)
        assert "POST" in reply.headers["access-control-allow-methods"]
        assert "authorization" in reply.headers["access-control-allow-headers"].lower()
        assert "Origin" in reply.headers["vary"]
        reply = call(server.url, "GET", "/rooms", headers={"Origin": origin})
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (401, origin), (
            "an error can be read, too"
        )
        assert "Retry-After" in reply.headers["access-control-expose-headers"]
    for origin in (
        "https://evil.example",
        "https://chat.example.evil.example",
        "null",
        "https://CHAT.example:444",
        "x",
    ):
        reply = preflight(server, origin)
        assert reply.status == 204
        assert not [name for name in reply.headers if name.startswith("access-control")]


@embedded
def test_a_star_lets_every_origin_in(start: Start) -> None:
    server = start(CORS_ORIGINS="*")
    assert (
        preflight(server, "https://anyone.example").headers["access-control-allow-origin"] == "https://anyone.example"
    )


# ---- the same over the WebSocket ---------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_bad_commands_are_answered_with_their_id_and_the_connection_lives(
    server: ServerProcess, ada: Person, room_id: str
) -> None:
    async with chat(server.ws_url, ada) as a:
        for event, data, code, fields in (
            ("noSuchCommand", {}, "unknown_command", []),
            ("receiveMessage", {}, "unknown_command", []),
            ("__class__", {}, "unknown_command", []),
            ("joinRoom", {}, "validation_failed", ["roomId"]),
            ("joinRoom", {"roomId": room_id, "since": -1}, "validation_failed", ["since"]),
            (
                "joinRoom",
                {"roomId": room_id, "since": "1", "sinceRev": 1.5},
                "validation_failed",
                ["since", "sinceRev"],
            ),
            ("sendMessage", {"roomId": room_id, "content": "x" * 2001}, "validation_failed", ["content"]),
            ("sendMessage", {"roomId": room_id, "content": "a\0"}, "validation_failed", ["content"]),
            ("sendMessage", {"roomId": room_id, "content": "\ud800"}, "validation_failed", ["content"]),
            ("sendMessage", {"content": 5}, "validation_failed", ["content", "roomId"]),
            ("sendMessage", {"roomId": room_id, "content": "a", "replyToId": "nowhere"}, "message_not_found", []),
            ("messageRead", {"roomId": room_id, "seq": -1}, "validation_failed", ["seq"]),
            ("messageRead", {"roomId": room_id, "seq": 10**30}, "validation_failed", ["seq"]),
            ("updatePresence", {"status": "sleeping"}, "validation_failed", ["status"]),
            ("updatePresence", {"status": "\ud800"}, "validation_failed", ["status"]),
            ("updatePresence", {"status": "away", "customStatus": "x" * 141}, "validation_failed", ["customStatus"]),
            ("authenticate", {}, "validation_failed", ["token"]),
            ("authenticate", {"token": 7}, "validation_failed", ["token"]),
        ):
            with pytest.raises(CommandRefused) as refused:
                await a.command(event, **data)
            assert (event, refused.value.code, sorted(refused.value.data["details"])) == (event, code, fields)
            assert set(refused.value.data) == {"code", "message", "details", "retryable", "retryAfter"}
        await a.command("heartbeat")


@embedded
@pytest.mark.gen_test
async def test_an_id_may_be_any_string_and_nothing_else(server: ServerProcess, ada: Person) -> None:
    async with chat(server.ws_url, ada) as a:
        for command_id in ("", "ü😀", 'quote " and \\', "x" * 5000):
            await a.send(json.dumps({"event": "heartbeat", "id": command_id}))
            await a.until(lambda command_id=command_id: any(frame.get("id") == command_id for frame in a.events))
        a.events.clear()
        for command_id in (7, [], {}, True, 1.5):
            await a.send(json.dumps({"event": "heartbeat", "id": command_id}))
        await a.until(lambda: len(a.events) == 5)
        assert {(frame["event"], frame["data"]["code"], "id" in frame) for frame in a.events} == {
            ("error", "validation_failed", False)
        }


@embedded
@pytest.mark.gen_test
async def test_data_that_is_no_object_is_malformed_with_the_id(server: ServerProcess, ada: Person) -> None:
    async with chat(server.ws_url, ada) as a:
        for data in ("[]", "7", '"x"'):
            await a.send(f'{{"event":"joinRoom","id":"{data[:1]}x","data":{data}}}')
        await a.until(lambda: len(a.events) == 4)
        assert [frame["data"]["code"] for frame in a.events[1:]] == ["malformed"] * 3
        await a.send('{"event":"joinRoom","id":"none","data":null}')
        await a.until(lambda: len(a.events) == 5)
        assert (a.events[4]["id"], a.events[4]["data"]["code"]) == ("none", "validation_failed")
        assert list(a.events[4]["data"]["details"]) == ["roomId"]
        await a.send('{"event":"heartbeat","id":"null","data":null}')
        await a.until(lambda: len(a.events) == 6)
        assert (a.events[5]["event"], a.events[5]["id"]) == ("ack", "null")
        await a.command("heartbeat")


@embedded
@pytest.mark.gen_test
async def test_an_object_that_names_no_command_is_malformed_with_its_id(server: ServerProcess, ada: Person) -> None:
    async with chat(server.ws_url, ada) as a:
        frames = ('{"id":"q"}', '{"id":"q","event":7}', '{"id":"q","event":null,"data":{}}', '{"id":7}', "[]")
        for frame in frames:
            await a.send(frame)
        await a.until(lambda: len(a.events) == 1 + len(frames))
        assert [frame["data"]["code"] for frame in a.events[1:]] == ["malformed"] * len(frames)
        assert [frame.get("id") for frame in a.events[1:]] == ["q", "q", "q", None, None]
        await a.command("heartbeat")


@embedded
def test_settings_that_cannot_be_read_name_their_field(ada: Person) -> None:
    for value in ("1e999", f"1{'0' * 5000}", '"\\ud800"'):
        reply = ada.call("PATCH", "/users/me/settings", f'{{"client": {{"a": {value}}}}}'.encode())
        assert (reply.status, list(reply.json["error"]["details"])) == (422, ["client"])
