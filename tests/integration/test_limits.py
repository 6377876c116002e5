"""Limits from outside: correct headers, Retry-After in refusals, retries of stored messages pass, and addresses cannot
be forged.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.conftest import Start, embedded_store
from tests.support.accounts import create_account
from tests.support.client import CommandRefused, Person, Reply, call, chat, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

store_env = embedded_store  # limits are counted before any store


@pytest.fixture(scope="module")
def by_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose tests each use users of their own: its low limits count by user."""
    env = {"RATE_LIMIT_MESSAGES": "2/3600", "RATE_LIMIT_JOINS": "2/3600"}
    with serving(tmp_path_factory.mktemp("by_user") / "data", env) as process:
        yield process


@pytest.fixture(scope="module")
def by_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose tests each use addresses of their own: its low limits count by address or connection."""
    env = {"RATE_LIMIT_ANONYMOUS": "6/3600", "RATE_LIMIT_TYPING": "5/3600", "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}
    with serving(tmp_path_factory.mktemp("by_address") / "data", env) as process:
        yield process


def limit_of(reply: Reply) -> tuple[int, int, int]:
    headers = reply.headers
    return int(headers["ratelimit-limit"]), int(headers["ratelimit-remaining"]), int(headers["ratelimit-reset"])


def test_the_headers_count_down_to_the_refusal_and_retry_after_is_true(start: Start) -> None:
    server = start(RATE_LIMIT_MESSAGES="3/30", RATE_LIMIT_API="off")
    ada = register(server.url)
    room = ada.make_room()["id"]
    message = {"roomId": room, "content": "hello"}
    seen = [limit_of(ada.call("POST", "/messages", message)) for _ in range(3)]
    assert [(limit, remaining) for limit, remaining, _ in seen] == [(3, 2), (3, 1), (3, 0)]
    refused = ada.call("POST", "/messages", message)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert limit_of(refused)[:2] == (3, 0)
    assert 1 <= limit_of(refused)[2] <= 30
    wait_s = int(refused.headers["retry-after"])
    assert 1 <= wait_s <= 10
    refused_at = asked = time.monotonic()
    while (again := ada.call("POST", "/messages", message)).status == 429:
        assert asked - refused_at <= wait_s, "not later than was said"
        time.sleep(0.02)  # the poll's pace
        asked = time.monotonic()
    assert again.status == 201


def test_the_header_tells_of_the_limit_that_is_nearest_to_refusing(start: Start) -> None:
    server = start(RATE_LIMIT_API="50/3600", RATE_LIMIT_ROOMS="20/3600")
    ada = register(server.url)
    assert limit_of(ada.call("GET", "/rooms"))[:2] == (50, 49)
    assert limit_of(ada.call("POST", "/rooms", {"name": "A"}))[:2] == (20, 19)
    for _ in range(44):
        reply = ada.call("GET", "/rooms")
    assert limit_of(reply)[:2] == (50, 4)
    assert limit_of(ada.call("POST", "/rooms", {"name": "B"}))[:2] == (50, 3)


@pytest.mark.gen_test
async def test_rest_and_websocket_share_the_limit_and_a_stored_client_id_is_never_refused(
    by_user: ServerProcess,
) -> None:
    server, ada = by_user, register(by_user.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a:
        first = await a.command("sendMessage", roomId=room, content="one", clientId="c1")
        ada.post(room, "two", clientId="c2")
        with pytest.raises(CommandRefused) as refused:
            await a.command("sendMessage", roomId=room, content="three", clientId="c3")
        data = refused.value.data
        assert (data["code"], data["retryable"]) == ("rate_limited", True)
        assert data["retryAfter"] in range(1700, 1801)
        again = await a.command("sendMessage", roomId=room, content="one", clientId="c1")
        assert (again["message"], again["duplicate"]) == (first["message"], True)
    reply = ada.call("POST", "/messages", {"roomId": room, "content": "two", "clientId": "c2"})
    assert (reply.status, reply.json["duplicate"], reply.json["message"]["seq"]) == (200, True, 2)
    assert ada.call("POST", "/messages", {"roomId": room, "content": "three", "clientId": "c3"}).status == 429


def test_who_is_unknown_is_limited_by_address_and_ipv6_by_its_network(by_address: ServerProcess) -> None:
    def ask(address: str) -> int:
        return call(by_address.url, "GET", "/rooms", headers={"X-Forwarded-For": address}).status

    assert [ask("192.0.2.1") for _ in range(8)] == [401] * 6 + [429] * 2
    assert ask("192.0.2.2") == 401
    assert [ask(f"2001:db8:1:2::{number:x}") for number in range(8)] == [401] * 6 + [429] * 2
    assert ask("2001:db8:1:3::1") == 401
    for _ in range(8):
        reply = call(by_address.url, "GET", "/health", headers={"X-Forwarded-For": "192.0.2.3"})
        assert reply.status == 200, "health is not counted"


def test_a_forwarded_address_is_believed_from_a_trusted_proxy_alone(start: Start) -> None:
    server = start(RATE_LIMIT_ANONYMOUS="2/3600", TRUSTED_PROXIES="10.0.0.0/8")
    asked = [
        call(server.url, "GET", "/rooms", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status
        for number in range(4)
    ]
    assert asked == [401, 401, 429, 429], "this peer is no proxy: what it says of others is not believed"
    headers = {"X-Real-Ip": "192.0.2.77", "Forwarded": "for=192.0.2.78"}
    assert call(server.url, "GET", "/rooms", headers=headers).status == 429


def test_of_a_chain_of_proxies_the_rightmost_that_is_not_ours_counts(by_address: ServerProcess) -> None:
    def ask(*hops: str) -> int:
        return call(by_address.url, "GET", "/rooms", headers={"X-Forwarded-For": ", ".join(hops)}).status

    assert [ask(f"203.0.113.{number}", "192.0.2.11", "10.1.1.1") for number in range(8)] == [401] * 6 + [429] * 2
    assert ask("192.0.2.11", "nonsense", "10.1.1.1") == 401, "left of what is no address nothing is believed"


@pytest.mark.gen_test
async def test_connects_are_limited_by_address(start: Start) -> None:
    server = start(RATE_LIMIT_CONNECTS="3/3600")
    for _ in range(3):
        async with chat(server.ws_url) as one:
            await one.one("welcome")
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            async with chat(server.ws_url):
                pass
        assert refused.value.response.status_code == 429
        assert 1000 < int(refused.value.response.headers["Retry-After"]) <= 1200


@pytest.mark.gen_test
async def test_new_memberships_are_limited_and_old_ones_are_not(by_user: ServerProcess) -> None:
    server = by_user
    ada, eve = register(server.url), register(server.url)
    rooms = [ada.make_room()["id"] for _ in range(3)]
    async with chat(server.ws_url, eve) as e:
        for room in rooms[:2]:
            await e.command("joinRoom", roomId=room)
        for _ in range(5):
            await e.command("joinRoom", roomId=rooms[0])
        with pytest.raises(CommandRefused) as refused:
            await e.command("joinRoom", roomId=rooms[2])
        assert refused.value.code == "rate_limited"
    assert eve.call("POST", f"/rooms/{rooms[2]}/join").status == 429
    assert eve.call("POST", f"/rooms/{rooms[1]}/join").status == 200


def test_an_operation_that_is_off_and_limits_that_are_off_count_nothing(start: Start) -> None:
    server = start(RATE_LIMIT_API="off")
    ada = register(server.url)
    assert "ratelimit-limit" not in ada.call("GET", "/rooms").headers
    assert "ratelimit-limit" in ada.call("POST", "/rooms", {"name": "A"}).headers
    server = start(RATE_LIMIT_ENABLED="false", RATE_LIMIT_MESSAGES="1/3600", RATE_LIMIT_AUTH="1/3600")
    ada = register(server.url)
    room = ada.make_room()["id"]
    for number in range(5):
        ada.post(room, f"message {number}")


@pytest.mark.gen_test
async def test_who_is_on_the_whitelist_is_not_limited_and_the_file_is_read_again_on_sighup(
    start: Start, tmp_path: Path
) -> None:
    listed = tmp_path / "whitelist"
    listed.write_text("robot  # the build's\n")
    server = start(RATE_LIMIT_MESSAGES="2/3600", RATE_LIMIT_API="off", RATE_LIMIT_WHITELIST_FILE=str(listed))
    robot, ada = create_account(server, "Robot"), register(server.url)
    room = robot.make_room()["id"]
    ada.join(room)

    def sent(person: Person) -> int:
        return sum(person.call("POST", "/messages", {"roomId": room, "content": "x"}).status == 201 for _ in range(5))

    def hang_up(lines: int) -> None:
        os.kill(server.pid, signal.SIGHUP)
        poll(lambda: server.log().count(" limits.whitelist: ") >= lines)

    assert (sent(robot), sent(ada)) == (5, 2)
    async with chat(server.ws_url, robot) as one:
        for _ in range(5):
            await one.command("sendMessage", roomId=room, content="x")
    assert "ratelimit-limit" not in robot.call("POST", "/messages", {"roomId": room, "content": "x"}).headers
    listed.write_text("10.0.0.0/99\n")
    hang_up(1)
    assert sent(robot) == 5, "a broken file keeps the old list"
    listed.write_text("127.0.0.0/8\n")
    hang_up(2)
    assert sent(ada) == 5
    listed.write_text("")
    hang_up(3)
    assert (sent(robot), sent(ada)) == (0, 0), "what they did was counted"


@pytest.mark.gen_test
async def test_what_is_no_command_is_counted_and_a_flood_of_it_closed_with_1008(by_address: ServerProcess) -> None:
    server, ada = by_address, register(by_address.url)  # one of the six of its address is the registration
    for token in (ada.access_token, None):
        with RawWebSocket(server.port, token=token) as flooding:
            codes = []
            for _ in range(25):  # each after the reply to the one before: a burst counts as one refusal
                flooding.send_frame(1, b"no JSON")
                while (message := flooding.read_message()) is not None and message["event"] != "error":
                    pass
                assert message is not None
                codes.append(message["data"]["code"])
            assert flooding.read_message() is None
            assert codes == ["malformed"] * 5 + ["rate_limited"] * 20
            assert flooding.close_code == 1008


@pytest.mark.gen_test
async def test_a_request_that_one_of_its_limits_refuses_costs_none_of_them(start: Start) -> None:
    server = start(
        RATE_LIMIT_API="10/3600", RATE_LIMIT_ROOMS="1/3600", RATE_LIMIT_MESSAGES="1/3600", RATE_LIMIT_JOINS="1/3600"
    )
    ada, eve = register(server.url), register(server.url)
    room, other = ada.make_room()["id"], eve.make_room()["id"]
    ada.post(room, "x")
    ada.join(other)
    for _ in range(4):
        assert ada.call("POST", "/rooms", {"name": "B"}).status == 429
        assert ada.call("POST", "/messages", {"roomId": room, "content": "y"}).status == 429
    assert limit_of(ada.call("GET", "/auth/profile"))[:2] == (10, 6)
    assert ada.call("POST", "/rooms", {"name": ""}).status == 422
    assert limit_of(ada.call("GET", "/auth/profile"))[:2] == (10, 4), "what is not valid costs what any request does"


def test_limits_do_not_mix_people(by_user: ServerProcess) -> None:
    ada, eve = register(by_user.url), register(by_user.url)
    before = limit_of(eve.call("GET", "/rooms"))[1]
    for _ in range(5):
        ada.call("GET", "/rooms")
    assert limit_of(eve.call("GET", "/rooms"))[1] == before - 1
