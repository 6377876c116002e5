"""Guessing at passwords: one bucket an account however it is named, and strangers lock nobody out where they were good before."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Start
from tests.support.client import PASSWORD, Reply, call

HOME, STRANGER = "192.0.2.10", "198.51.100.1"


def ask(url: str, path: str, body: dict[str, str], address: str, token: str | None = None) -> Reply:
    return call(url, "POST", f"/auth/{path}", body, headers={"X-Forwarded-For": address}, token=token)


def enrol(url: str, name: str, address: str = HOME) -> Reply:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    reply = ask(url, "register", body, address)
    assert reply.status == 201, reply.body
    return reply


def guess(url: str, name: str, address: str, password: str = "not the password") -> int:
    field = "email" if "@" in name else "username"
    return ask(url, "login", {field: name, "password": password}, address).status


def test_an_account_is_one_bucket_however_it_is_named(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="6/3600")
    enrol(server.url, "victim")
    names = ["victim", "victim@example.com", "VICTIM", "Victim@Example.COM", "vicTim", "victim@EXAMPLE.com"]
    assert [guess(server.url, name, f"198.51.100.{number}") for number, name in enumerate(names)] == [401] * 6
    assert guess(server.url, "victim", "198.51.100.77", PASSWORD) == 429
    assert guess(server.url, "victim@example.com", "198.51.100.78", PASSWORD) == 429
    assert guess(server.url, "unknown", "198.51.100.79") == 401


def test_an_unknown_name_is_one_bucket_however_it_is_written(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="4/3600")
    names = ["Nobody", "nobody", "NOBODY", "noBODY", "nobody"]
    assert [guess(server.url, name, f"198.51.100.{number}") for number, name in enumerate(names)] == [401] * 4 + [429]
    assert guess(server.url, "nobody@example.com", "198.51.100.9") == 401


def test_strangers_guesses_do_not_lock_out_who_logs_in_where_they_were_good_before(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="10/3600")
    enrol(server.url, "victim")
    assert guess(server.url, "victim", "2001:db8:1:2::1", PASSWORD) == 200
    for number in range(12):
        guess(server.url, "victim", f"198.51.100.{number}")
    assert guess(server.url, "victim", "203.0.113.9", PASSWORD) == 429, "a new address shares the bucket with the strangers"
    assert guess(server.url, "victim", HOME, PASSWORD) == 200
    assert guess(server.url, "victim@example.com", HOME, PASSWORD) == 200
    assert guess(server.url, "victim", "2001:db8:1:2:ffff::9", PASSWORD) == 200, "an IPv6 address is known by its /64"
    server.terminate()
    again = start(server.data_dir, RATE_LIMIT_AUTH="10/3600")
    for number in range(12):
        guess(again.url, "victim", f"198.51.100.{number}")
    assert guess(again.url, "victim", HOME, PASSWORD) == 200, "it is kept with the account"


def test_neighbours_behind_one_address_do_not_lock_out_who_was_good_there_and_each_is_limited_alone(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="5/3600")
    for name in ("ann", "bob", "eve"):
        enrol(server.url, name)
    assert [guess(server.url, f"other{number}", HOME) for number in range(4)] == [401, 401, 429, 429], "three registered here"
    for name in ("ann", "bob"):
        assert [guess(server.url, name, HOME, PASSWORD) for _ in range(3)] == [200] * 3
    assert [guess(server.url, "eve", HOME) for _ in range(7)] == [401] * 5 + [429] * 2
    assert guess(server.url, "eve", HOME, PASSWORD) == 429
    assert guess(server.url, "eve", "203.0.113.5", PASSWORD) == 200, "her account's own bucket is as it was"


def test_a_wrong_password_makes_no_address_a_good_one(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="5/3600")
    enrol(server.url, "victim")
    assert [guess(server.url, "victim", STRANGER) for _ in range(2)] == [401] * 2
    assert [guess(server.url, "victim", f"198.51.100.{number}") for number in range(20, 23)] == [401] * 3
    assert guess(server.url, "victim", STRANGER, PASSWORD) == 429


def test_a_password_is_counted_by_address_and_session_a_registration_by_address_and_a_refresh_not_at_all(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="4/3600")
    one = enrol(server.url, "ann").json
    body = {"oldPassword": "wrong wrong", "newPassword": "entirely another one"}

    def change(token: str, address: str) -> int:
        return ask(server.url, "password", body, address, token).status

    assert [change(one["accessToken"], f"203.0.113.{number}") for number in range(6)] == [403] * 4 + [429] * 2
    other = ask(server.url, "login", {"username": "ann", "password": PASSWORD}, HOME).json
    assert change(other["accessToken"], "203.0.113.20") == 403, "another session of the same account"
    assert [change(other["accessToken"], STRANGER) for _ in range(2)] == [403] * 2
    names = ["p1x", "p2x", "p3x"]
    replies = [
        ask(server.url, "register", {"username": name, "email": f"{name}@b.c", "password": PASSWORD}, STRANGER).status for name in names
    ]
    assert replies == [201, 201, 429]
    token = other["refreshToken"]
    for _ in range(8):
        reply = ask(server.url, "refresh", {"refreshToken": token}, STRANGER)
        assert reply.status == 200
        token = reply.json["refreshToken"]


def test_an_attempt_that_its_address_refuses_costs_the_account_nothing(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="5/3600")
    enrol(server.url, "victim")
    for number in range(5):
        guess(server.url, f"other{number}", STRANGER)
    assert [guess(server.url, "victim", STRANGER) for _ in range(10)] == [429] * 10
    assert guess(server.url, "victim", "203.0.113.1", PASSWORD) == 200


def test_an_attempt_that_its_account_refuses_costs_the_address_nothing(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="5/3600")
    enrol(server.url, "victim")
    for number in range(5):
        guess(server.url, "victim", f"198.51.100.{number}")
    assert [guess(server.url, "victim", "203.0.113.1", PASSWORD) for _ in range(10)] == [429] * 10
    enrol(server.url, "other", "203.0.113.1")


def test_what_is_asked_of_the_store_for_a_login_is_limited_by_address(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="5/3600", RATE_LIMIT_ANONYMOUS="8/3600")
    for number in range(5):
        guess(server.url, "victim", f"198.51.100.{number}")
    replies = [ask(server.url, "login", {"username": "victim", "password": "x"}, STRANGER + "1") for _ in range(10)]
    assert [reply.json["error"]["details"]["operation"] for reply in replies] == ["auth"] * 8 + ["anonymous"] * 2


@pytest.mark.parametrize("body", [{"password": PASSWORD}, {"username": "a", "email": "b", "password": PASSWORD}])
def test_a_login_that_names_nobody_is_counted(start: Start, body: dict[str, str]) -> None:
    server = start(RATE_LIMIT_ANONYMOUS="3/3600")
    assert [ask(server.url, "login", body, STRANGER).status for _ in range(4)] == [422] * 3 + [429]


def test_the_database_tells_no_address(start: Start) -> None:
    server = start()
    enrol(server.url, "ann", "203.0.113.77")
    server.terminate()
    for file in server.data_dir.glob("chat.db*"):
        assert b"203.0.113.77" not in file.read_bytes()
