"""Which client, host and origin a request counts as: forwarded addresses, Host, Origin, request targets, methods, and
numbers in unusual forms.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.accounts import create_account
from tests.support.client import PASSWORD, Person, Reply, call, chat, register
from tests.support.pictures import encoded, photo
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, command, free_port, serving
from tests.support.uploads import upload

pytestmark = embedded

OPERATORS = (
    "/metrics", "/metrics/performance", "/metrics/database", "/metrics/websocket", "/metrics/cache",
    "/metrics/history", "/metrics/alerts", "/metrics/snapshot",
    "/metrics/nothing", "/health/performance", "/health/database", "/health/cache",
)  # fmt: skip


@pytest.fixture(scope="module")
def ada(server: ServerProcess) -> Person:
    return register(server.url)


def send_lines(server: ServerProcess, *lines: str, body: bytes = b"", host: str | None = "127.0.0.1") -> Reply:
    """Send a request given as lines, in Latin-1. A Host header is added unless `host` is None."""
    head = "\r\n".join([lines[0], *([] if host is None else [f"Host: {host}"]), *lines[1:], "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(head.encode("latin-1") + body)
        response = http.client.HTTPResponse(sock, method=lines[0].partition(" ")[0])
        response.begin()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


# ---- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forwarded",
    [
        "203.0.113.7",
        "203.0.113.7:4711",
        '"203.0.113.7:4711"',
        "[2001:db8::1]:443",
        "unknown",
        "_hidden",
        "nonsense",
        "",
        "192.0.2.1,",
    ],
)
def test_no_forwarded_client_is_taken_for_the_proxy(server: ServerProcess, forwarded: str) -> None:
    for path in OPERATORS:
        assert call(server.url, "GET", path, headers={"X-Forwarded-For": forwarded}).status == 403, path


def test_what_is_no_address_is_on_no_list_and_all_of_it_is_limited_as_one(start: Start) -> None:
    server = start(RATE_LIMIT_ANONYMOUS="4/3600", RATE_LIMIT_WHITELIST="0.0.0.0/0,::/0", METRICS_ALLOW="0.0.0.0/0,::/0")

    def ask(forwarded: str) -> int:
        return call(server.url, "GET", "/rooms", headers={"X-Forwarded-For": forwarded}).status

    assert call(server.url, "GET", "/metrics", headers={"X-Forwarded-For": "unknown"}).status == 403
    assert [ask(one) for one in ("unknown", "", "1.2.3.4:x", "::", "localhost", "unix:")] == [401] * 3 + [429] * 3
    assert [ask("203.0.113.7") for _ in range(6)] == [401] * 6, "an address is on the whitelist"
    assert call(server.url, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status == 200
    lines = [line for line in server.log().splitlines() if "names no address" in line]
    assert len(lines) == 1
    assert "peer=127.0.0.1" in lines[0]


@pytest.fixture(scope="module")
def limited_server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A shared server with low limits: each test uses addresses of its own."""
    limits = {
        f"RATE_LIMIT_{name}": limit
        for name, limit in (("ANONYMOUS", "2/3600"), ("AUTH", "1/3600"), ("CONNECTS", "1/3600"))
    }
    with serving(
        tmp_path_factory.mktemp("strict") / "data", {**limits, "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    ) as one:
        yield one


def test_a_client_is_one_however_its_address_is_written(limited_server: ServerProcess) -> None:
    def ask(forwarded: str) -> int:
        return call(limited_server.url, "GET", "/rooms", headers={"X-Forwarded-For": forwarded}).status

    same = ("203.0.113.7", "203.0.113.7:4711", "::ffff:203.0.113.7", "[::ffff:cb00:7107]:80", '"203.0.113.7"')
    assert [ask(one) for one in same] == [401] * 2 + [429] * 3
    assert "client=203.0.113.7 " in limited_server.log()
    assert ask("203.0.113.8") == 401


def test_other_headers_name_nobody(limited_server: ServerProcess) -> None:
    names = ("X-Real-Ip", "Forwarded", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Forwarded")
    asked = [
        call(limited_server.url, "GET", "/rooms", headers={name: "203.0.113.10", "Via": "1.1 x"}).status
        for name in names
    ]
    assert asked == [401] * 2 + [429] * 4


def test_several_headers_are_one_list(limited_server: ServerProcess) -> None:
    def ask(*headers: str) -> int:
        return send_lines(limited_server, "GET /rooms HTTP/1.1", *(f"X-Forwarded-For: {one}" for one in headers)).status

    assert [ask(f"203.0.113.2{number}", "192.0.2.1", "10.0.0.1:80, 10.0.0.2") for number in range(3)] == [401, 401, 429]
    assert ask("192.0.2.1", "203.0.113.29") == 401


def test_neighbours_of_a_48_share_ten_times_the_limit_by_every_limit_of_addresses(
    limited_server: ServerProcess,
) -> None:
    def ask(number: int, *, network: str = "2001:db8:1") -> int:
        return call(limited_server.url, "GET", "/rooms", headers={"X-Forwarded-For": f"{network}:{number:x}::1"}).status

    def log_in(number: int) -> int:
        body, headers = (
            {"username": f"nobody{number}", "password": PASSWORD},
            {"X-Forwarded-For": f"2001:db8:2:{number:x}::1"},
        )
        return call(limited_server.url, "POST", "/auth/login", body, headers=headers).status

    assert [ask(number // 2) for number in range(24)] == [401] * 20 + [429] * 4
    assert ask(0, network="2001:db8:9") == 401
    assert [log_in(number) for number in range(12)] == [401] * 10 + [429] * 2
    statuses = []
    for number in range(12):
        with RawWebSocket(limited_server.port, headers={"X-Forwarded-For": f"2001:db8:3:{number:x}::1"}) as sock:
            statuses.append(sock.status)
    assert statuses == [101] * 10 + [429] * 2


# ---- operators' routes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OPERATORS)
def test_operators_routes_tell_no_page_of_another_origin(path: str, server_for_every_origin: ServerProcess) -> None:
    for method, sent in (("GET", {}), ("OPTIONS", {"Access-Control-Request-Method": "GET"})):
        reply = call(server_for_every_origin.url, method, path, headers={"Origin": "https://evil.example", **sent})
        assert reply.status in {200, 204, 404, 422}
        assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.fixture(scope="module")
def server_for_every_origin(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server that allows every origin and is reached under two host names."""
    env = {"CORS_ORIGINS": "*", "METRICS_HOSTS": "Metrics.Example:9000,chat", "ADMIN_USERS": "boss"}
    with serving(tmp_path_factory.mktemp("star") / "data", env) as one:
        yield one


def test_an_address_opens_them_only_where_host_is_nobody_elses_name(server_for_every_origin: ServerProcess) -> None:
    boss = create_account(server_for_every_origin, "Boss")
    ours = (
        "127.0.0.1",
        f"127.0.0.1:{server_for_every_origin.port}",
        "[::1]:80",
        "localhost",
        "LOCALHOST.:8000",
        "METRICS.example.:443",
        "chat:8001",
    )
    for host in ours:
        assert send_lines(server_for_every_origin, "GET /metrics/performance HTTP/1.1", host=host).status == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "metrics.example.evil"):
        refused = send_lines(server_for_every_origin, "GET /metrics/performance HTTP/1.1", host=host)
        assert (refused.status, refused.code) == (403, "forbidden"), host
        assert "METRICS_HOSTS" in refused.json["error"]["message"]
        allowed = send_lines(
            server_for_every_origin,
            "GET /metrics/performance HTTP/1.1",
            f"Authorization: Bearer {boss.access_token}",
            host=host,
        )
        assert allowed.status == 200
    assert send_lines(server_for_every_origin, "GET /health HTTP/1.1", host="evil.example").status == 200
    assert send_lines(server_for_every_origin, "GET /health/ready HTTP/1.1", host="evil.example").status == 200


def test_a_page_of_another_site_cannot_have_them_asked_but_a_person_may_follow_a_link(
    server_for_every_origin: ServerProcess,
) -> None:
    def ask(site: str, mode: str) -> int:
        return call(
            server_for_every_origin.url, "GET", "/metrics", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        ).status

    assert [ask("cross-site", mode) for mode in ("cors", "no-cors", "same-origin", "websocket")] == [403] * 4
    assert [
        ask("cross-site", "navigate"),
        ask("same-origin", "cors"),
        ask("none", "navigate"),
        ask("same-site", "cors"),
    ] == [200] * 4


# ---- origins -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "proto", "origin", "allowed"),
    [
        ("chat.example:443", None, "https://chat.example", True),
        ("chat.example", None, "https://chat.example:443", True),
        ("CHAT.example.", None, "https://chat.example", True),
        ("[2001:db8::1]", "https", "https://[2001:DB8:0::1]:443", True),
        ("chat.example", "https", "https://chat.example", True),
        ("chat.example", "wss", "https://chat.example", True),
        ("chat.example", "http", "https://chat.example", False),
        ("chat.example", "https", "http://chat.example", False),
        ("chat.example:443", None, "http://chat.example", False),
        ("chat.example", None, "https://chat.example:444", False),
        ("chat.example", None, "null", False),
        ("chat.example", None, "https://chat.example.evil", False),
    ],
)
def test_an_origin_is_scheme_host_and_port_for_pages_and_sockets_alike(
    server: ServerProcess, ada: Person, host: str, proto: str | None, origin: str, allowed: bool
) -> None:
    headers = [f"Origin: {origin}", *([] if proto is None else [f"X-Forwarded-Proto: {proto}"])]
    preflight = send_lines(server, "OPTIONS /rooms HTTP/1.1", *headers, "Access-Control-Request-Method: GET", host=host)
    assert (preflight.headers.get("access-control-allow-origin") == origin) is allowed
    opened = {"Host": host, "Origin": origin, "X-Forwarded-Proto": proto}
    with RawWebSocket(server.port, token=ada.access_token, headers=opened) as sock:
        assert sock.status == (101 if allowed else 403)


def test_the_scheme_is_believed_from_a_trusted_proxy_alone(start: Start) -> None:
    server = start(TRUSTED_PROXIES="10.0.0.0/8")
    headers = ("Origin: https://chat.example", "X-Forwarded-Proto: http")
    reply = send_lines(server, "GET /rooms HTTP/1.1", *headers, host="chat.example")
    assert reply.headers["access-control-allow-origin"] == "https://chat.example"


# ---- targets, methods, numbers, bodies -----------------------------------------------------------------------------


def test_an_absolute_target_is_served_by_its_own_host(server: ServerProcess) -> None:
    for target in (
        "http://chat.example/health",
        "HTTPS://chat.example:443/health?x=1",
        f"http://127.0.0.1:{server.port}/health",
    ):
        assert send_lines(server, f"GET {target} HTTP/1.1").json["status"] == "ok"
    assert send_lines(server, "GET http://chat.example HTTP/1.1").body.startswith(b"<!doctype html")
    assert send_lines(server, "GET http://chat.example?room=1 HTTP/1.1").status == 200
    assert send_lines(server, "GET http://evil.example/metrics HTTP/1.1").status == 403, (
        "the target's host counts, not the header's"
    )
    assert send_lines(server, "GET http://127.0.0.1/metrics HTTP/1.1", host="evil.example").status == 200
    reply = send_lines(server, "GET http://chat.example/rooms HTTP/1.1", "Origin: https://chat.example")
    assert reply.headers["access-control-allow-origin"] == "https://chat.example"
    for target in ("http:///health", "http://u@x/health", "http://a,b/health", "ftp://x/health", "http:/health"):
        assert send_lines(server, f"GET {target} HTTP/1.1").status in {400, 404}


def test_head_answers_wherever_get_does_and_is_shed_and_counted_like_it(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    message = ada.post(room, "hello")["id"]
    file = upload(ada, encoded(photo(), "image/jpeg"))["id"]
    paths = [
        "/", "/dashboard", "/static/chat.js", "/health", "/health/ready", *OPERATORS, "/auth/profile", "/users",
        "/users/me", "/users/me/settings", "/users/me/blocks", "/auth/sessions",
        f"/users/{ada.id}", "/rooms", f"/rooms/{room}", f"/rooms/{room}/members", f"/rooms/{room}/stats",
        f"/rooms/{room}/changes", f"/rooms/{room}/invites",
        f"/messages?roomId={room}", f"/messages/{message}", f"/messages/{message}/history",
        "/messages/search?q=tea", "/messages/search/suggest?q=t", "/messages/search?q=from:",
        f"/messages/{message}/thread",
        "/messages?roomId=nowhere", "/messages", "/nothing",
        f"/files/{file}", f"/files/{file}/thumbnail", "/files/nothing", "/files",
        f"/rooms/{room}/changes", f"/rooms/{room}/bans", f"/rooms/{room}/audit",
        f"/rooms/{room}/reports",
        f"/rooms/{room}/bots", f"/rooms/{room}/webhooks",
        f"/messages?roomId={room}", f"/messages/{message}", "/messages?roomId=nowhere", "/messages", "/nothing",
    ]  # fmt: skip
    for path in paths:  # the first request of a route adds series to /metrics
        for method in ("GET", "HEAD"):
            ada.call(method, path)
    for path in paths:
        full, head, again = ada.call("GET", path), ada.call("HEAD", path), ada.call("GET", path)
        assert (head.status, head.body) == (full.status, b""), path
        assert head.headers["content-type"] == full.headers["content-type"]
        least, most = sorted(int(one.headers["content-length"]) for one in (full, again))
        assert least - 200 < int(head.headers["content-length"]) < most + 200, "of the whole body, which may live"
        assert ("ratelimit-limit" in head.headers) == ("ratelimit-limit" in full.headers)
    assert call(server.url, "HEAD", "/rooms").status == 401
    for path in ("/auth/login", "/auth/logout", f"/rooms/{room}/join"):
        refused = ada.call("HEAD", path)
        assert (refused.status, refused.body) == (405, b"")
        assert refused.headers["allow"] == "POST, OPTIONS"
    assert ada.call("OPTIONS", "/rooms").headers["allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize(
    "length", ["²", "٣".encode().decode("latin-1"), "1_0", "+5", "-5", "0x5", "5.0", "five", "5, 6", "", "9" * 30]
)
def test_a_length_that_is_no_number_is_refused_in_one_line(server: ServerProcess, length: str) -> None:
    for path in ("/auth/login", "/messages", "/no/such/thing", "/ws"):
        refused = send_lines(server, f"POST {path} HTTP/1.1", f"Content-Length: {length}")
        assert (refused.status, refused.code, refused.headers["connection"]) == (400, "malformed", "close")


def test_whatever_is_wrong_with_a_request_it_is_counted_first(start: Start) -> None:
    server = start(
        RATE_LIMIT_ANONYMOUS="3/3600", RATE_LIMIT_CONNECTS="3/3600", RATE_LIMIT_AUTH="1000/60", RATE_LIMIT_API="3/3600"
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    def statuses(address: str, *lines: str, body: bytes = b"") -> list[int]:
        return [send_lines(server, *lines, f"X-Forwarded-For: {address}", body=body).status for _ in range(5)]

    assert statuses("192.0.2.2", "POST /auth/login HTTP/1.1", "Content-Length: 100000") == [413] * 3 + [429] * 2
    assert statuses("192.0.2.3", "DELETE /auth/login HTTP/1.1") == [405] * 3 + [429] * 2
    assert (
        statuses("192.0.2.4", "POST /auth/login HTTP/1.1", "Transfer-Encoding: chunked", body=chunk * 2)
        == [413] * 3 + [429] * 2
    )
    assert statuses("192.0.2.5", "GET /ws HTTP/1.1") == [400] * 3 + [429] * 2
    assert statuses("192.0.2.6", "GET /ws HTTP/1.1", "Origin: https://evil.example") == [403] * 3 + [429] * 2
    assert statuses("192.0.2.7", "POST /ws HTTP/1.1") == [405] * 3 + [429] * 2
    for number, line in enumerate(("BREW /rooms", "TRACE /", "get /health", "BREW /ws", "BREW /auth/login")):
        assert statuses(f"192.0.2.1{number}", f"{line} HTTP/1.1") == [405] * 3 + [429] * 2, line
    assert statuses("192.0.2.20", "BREW /nothing HTTP/1.1") == [404] * 3 + [429] * 2
    for number, path in enumerate(("/users/%ff", "/rooms/%ff/members")):
        assert statuses(f"192.0.2.3{number}", f"GET {path} HTTP/1.1") == [401] * 3 + [429] * 2, path
    ada = register(server.url)
    assert [ada.call("GET", "/users/%ff").code for _ in range(5)] == ["malformed"] * 3 + ["rate_limited"] * 2, (
        "for who asks"
    )


def test_a_method_that_nobody_knows_is_told_which_there_are(ada: Person) -> None:
    refused = ada.call("BREW", "/users/x")
    assert (refused.status, refused.code, refused.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD, OPTIONS")


def test_a_mark_before_json_is_ignored(ada: Person) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"name": "With a BOM"}).encode()
    assert ada.call("POST", "/rooms", body).json["room"]["name"] == "With a BOM"
    for wrong in (
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" * 2 + b"{}",
        b"\xef\xbb{}",
        b"{}\xef\xbb\xbf",
        b"\xfe\xff\x00{\x00}",
    ):
        assert ada.call("POST", "/rooms", wrong).code == "malformed"


@pytest.mark.gen_test
async def test_a_mark_before_a_frames_json_is_ignored(server: ServerProcess, ada: Person) -> None:
    async with chat(server.ws_url, ada) as one:
        await one.send('\ufeff{"event":"heartbeat","id":"marked"}')
        await one.send("\ufeff" * 20_000 + '{"event":"heartbeat","id":"twice"}')
        await one.until(lambda: len(one.events) == 3)
        assert [(frame["event"], frame.get("id")) for frame in one.events[1:]] == [("ack", "marked"), ("error", None)]
        await one.command("heartbeat")


def test_a_number_of_thousands_of_digits_is_out_of_range_and_still_json(ada: Person) -> None:
    reply = ada.call("POST", "/rooms", b'{"name": "a", "maxUsers": %s}' % (b"9" * 5_000))
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["maxUsers"])
    reply = ada.call("POST", "/rooms", b'{"name": 7, "ignored": %s}' % (b"9" * 5_000))
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["name"])


@pytest.mark.gen_test
async def test_all_addresses_are_ipv4s_too_and_a_client_is_the_same_by_both(start: Start) -> None:
    server = start(HOST="::", RATE_LIMIT_ANONYMOUS="3/3600", TRUSTED_PROXIES="127.0.0.1")
    assert call(server.url, "GET", "/health").status == 200
    assert call(f"http://[::1]:{server.port}", "GET", "/health").status == 200
    assert call(server.url, "GET", "/metrics").status == 200, "::ffff:127.0.0.1 is in METRICS_ALLOW"
    asked = [call(server.url, "GET", "/rooms", headers={"X-Forwarded-For": "203.0.113.7"}).status for _ in range(4)]
    assert asked == [401] * 3 + [429], "and a trusted proxy"
    asked = [await asyncio.to_thread(lambda: call(server.url, "GET", "/rooms").status) for _ in range(4)]
    assert asked == [401] * 3 + [429]
    assert "client=127.0.0.1 " in server.log()
    async with connect(f"ws://[::1]:{server.port}/ws") as one:
        assert json.loads(await one.recv())["event"] == "welcome"


def test_a_port_that_is_taken_is_one_line_and_exit_1(store_env: StoreEnv, tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = command("serve", env={"HOST": "::", "PORT": str(port), "DATA_DIR": str(tmp_path / "taken")})
    assert done.returncode == 1
    assert f"cannot listen on [::]:{port}" in done.stderr
    assert "Traceback" not in done.stderr
