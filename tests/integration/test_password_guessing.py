"""Guessing passwords: one limit an account whatever name is used for it, and strangers cannot lock out an address that
logged in before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.client import PASSWORD, Reply, call
from tests.support.server import ServerProcess, serving

HOME = "192.0.2.10"
AUTH, ANONYMOUS = 6, 8  # attempts that the shared servers allow in an hour
_networks = itertools.count(1)


class AddressPool:
    """Addresses and names that only one test uses: the tests share a server, which counts by both."""

    def __init__(self) -> None:
        self._number = next(_networks)
        self.home, self.stranger = self.address_of(201), self.address_of(202)

    def address_of(self, number: int) -> str:
        """An address for a number; a test may use those below 200."""
        return f"10.{self._number}.0.{number}"

    def named(self, name: str) -> str:
        return f"{name}{self._number}"


@pytest.fixture
def addresses() -> AddressPool:
    return AddressPool()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    data_dir = tmp_path_factory.mktemp("limited") / "data"
    with serving(data_dir, {**store_env(data_dir), "RATE_LIMIT_AUTH": f"{AUTH}/3600"}) as process:
        yield process


@pytest.fixture(scope="module")
def limited_for_strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RATE_LIMIT_AUTH": f"{AUTH}/3600", "RATE_LIMIT_ANONYMOUS": f"{ANONYMOUS}/3600"}
    with serving(tmp_path_factory.mktemp("anonymous") / "data", env) as process:
        yield process


def post_auth(url: str, path: str, body: dict[str, str], address: str, token: str | None = None) -> Reply:
    return call(url, "POST", f"/auth/{path}", body, headers={"X-Forwarded-For": address}, token=token)


def register_from(url: str, name: str, address: str) -> Reply:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    reply = post_auth(url, "register", body, address)
    assert reply.status == 201, reply.body
    return reply


def log_in_status(url: str, name: str, address: str, password: str = "not the password") -> int:
    field = "email" if "@" in name else "username"
    return post_auth(url, "login", {field: name, "password": password}, address).status


@embedded
def test_an_account_is_one_bucket_however_it_is_named(limited: ServerProcess, addresses: AddressPool) -> None:
    victim = addresses.named("victim")
    register_from(limited.url, victim, addresses.home)
    titled, shouted = victim.title(), victim.upper()
    names = [
        victim,
        f"{victim}@example.com",
        shouted,
        f"{titled}@Example.COM",
        victim.replace("t", "T"),
        f"{victim}@EXAMPLE.com",
    ]
    assert [log_in_status(limited.url, name, addresses.address_of(number)) for number, name in enumerate(names)] == [
        401
    ] * AUTH
    assert log_in_status(limited.url, victim, addresses.address_of(77), PASSWORD) == 429
    assert log_in_status(limited.url, f"{victim}@example.com", addresses.address_of(78), PASSWORD) == 429
    assert log_in_status(limited.url, addresses.named("unknown"), addresses.address_of(79)) == 401


@embedded
def test_an_unknown_name_is_one_bucket_however_it_is_written(limited: ServerProcess, addresses: AddressPool) -> None:
    nobody = addresses.named("nobody")
    names = [nobody.title(), nobody, nobody.upper(), nobody.replace("b", "B"), nobody, nobody.swapcase(), nobody]
    assert [log_in_status(limited.url, name, addresses.address_of(number)) for number, name in enumerate(names)] == [
        401
    ] * AUTH + [429]
    assert log_in_status(limited.url, f"{nobody}@example.com", addresses.address_of(9)) == 401
    refused = post_auth(limited.url, "login", {"username": nobody, "password": PASSWORD}, addresses.address_of(10))
    assert (refused.status, 1 <= int(refused.headers["retry-after"]) <= 3600 // AUTH) == (429, True)


def test_strangers_guesses_do_not_lock_out_who_logs_in_where_they_were_good_before(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="10/3600")
    register_from(server.url, "victim", HOME)
    assert log_in_status(server.url, "victim", "2001:db8:1:2::1", PASSWORD) == 200
    for number in range(12):
        log_in_status(server.url, "victim", f"198.51.100.{number}")
    assert log_in_status(server.url, "victim", "203.0.113.9", PASSWORD) == 429, (
        "a new address shares the bucket with the strangers"
    )
    assert log_in_status(server.url, "victim", HOME, PASSWORD) == 200
    assert log_in_status(server.url, "victim@example.com", HOME, PASSWORD) == 200
    assert log_in_status(server.url, "victim", "2001:db8:1:2:ffff::9", PASSWORD) == 200, (
        "an IPv6 address is known by its /64"
    )
    server.terminate()
    again = start(server.data_dir, RATE_LIMIT_AUTH="10/3600")
    for number in range(12):
        log_in_status(again.url, "victim", f"198.51.100.{number}")
    assert log_in_status(again.url, "victim", HOME, PASSWORD) == 200, "it is kept with the account"


def test_neighbours_behind_one_address_do_not_lock_out_who_was_good_there_and_each_is_limited_alone(
    limited: ServerProcess, addresses: AddressPool
) -> None:
    url, home = limited.url, addresses.home
    ann, bob, eve = (addresses.named(name) for name in ("ann", "bob", "eve"))
    for name in (ann, bob, eve):
        register_from(url, name, home)
    others = [log_in_status(url, f"{addresses.named('other')}-{number}", home) for number in range(5)]
    assert others == [401, 401, 401, 429, 429], "three registered here"
    for name in (ann, bob):
        assert [log_in_status(url, name, home, PASSWORD) for _ in range(3)] == [200] * 3
    assert [log_in_status(url, eve, home) for _ in range(AUTH + 2)] == [401] * AUTH + [429] * 2
    assert log_in_status(url, eve, home, PASSWORD) == 429
    assert log_in_status(url, eve, addresses.address_of(5), PASSWORD) == 200, "her account's own bucket is as it was"


def test_a_wrong_password_makes_no_address_a_good_one(limited: ServerProcess, addresses: AddressPool) -> None:
    victim = addresses.named("victim")
    register_from(limited.url, victim, addresses.home)
    assert [log_in_status(limited.url, victim, addresses.stranger) for _ in range(2)] == [401] * 2
    assert [log_in_status(limited.url, victim, addresses.address_of(number)) for number in range(AUTH - 2)] == [401] * (
        AUTH - 2
    )
    assert log_in_status(limited.url, victim, addresses.stranger, PASSWORD) == 429


@embedded
def test_a_password_is_counted_by_address_and_session_a_registration_by_address_and_a_refresh_not_at_all(
    limited: ServerProcess, addresses: AddressPool
) -> None:
    ann, stranger = addresses.named("ann"), addresses.stranger
    one = register_from(limited.url, ann, addresses.home).json
    body = {"oldPassword": "wrong wrong", "newPassword": "entirely another one"}

    def change(token: str, address: str) -> int:
        return post_auth(limited.url, "password", body, address, token).status

    assert [change(one["accessToken"], addresses.address_of(number)) for number in range(AUTH + 2)] == [403] * AUTH + [
        429
    ] * 2
    other = post_auth(limited.url, "login", {"username": ann, "password": PASSWORD}, addresses.home).json
    assert change(other["accessToken"], addresses.address_of(20)) == 403, "another session of the same account"
    assert [change(other["accessToken"], stranger) for _ in range(2)] == [403] * 2
    names = [f"{addresses.named('p')}-{number}" for number in range(AUTH - 1)]
    replies = [
        post_auth(
            limited.url, "register", {"username": name, "email": f"{name}@b.c", "password": PASSWORD}, stranger
        ).status
        for name in names
    ]
    assert replies == [201] * (AUTH - 2) + [429]
    token = other["refreshToken"]
    for _ in range(2 * AUTH):
        reply = post_auth(limited.url, "refresh", {"refreshToken": token}, stranger)
        assert reply.status == 200
        token = reply.json["refreshToken"]


@embedded
def test_an_attempt_that_its_address_refuses_costs_the_account_nothing(
    limited: ServerProcess, addresses: AddressPool
) -> None:
    victim = addresses.named("victim")
    register_from(limited.url, victim, addresses.home)
    for number in range(AUTH):
        log_in_status(limited.url, f"{addresses.named('other')}-{number}", addresses.stranger)
    assert [log_in_status(limited.url, victim, addresses.stranger) for _ in range(2 * AUTH)] == [429] * (2 * AUTH)
    assert log_in_status(limited.url, victim, addresses.address_of(1), PASSWORD) == 200


@embedded
def test_an_attempt_that_its_account_refuses_costs_the_address_nothing(
    limited: ServerProcess, addresses: AddressPool
) -> None:
    victim = addresses.named("victim")
    register_from(limited.url, victim, addresses.home)
    for number in range(AUTH):
        log_in_status(limited.url, victim, addresses.address_of(number))
    assert [log_in_status(limited.url, victim, addresses.address_of(101), PASSWORD) for _ in range(2 * AUTH)] == [
        429
    ] * (2 * AUTH)
    register_from(limited.url, addresses.named("other"), addresses.address_of(101))


def test_what_is_asked_of_the_store_for_a_login_is_limited_by_address(
    limited_for_strangers: ServerProcess, addresses: AddressPool
) -> None:
    url, victim = limited_for_strangers.url, addresses.named("victim")
    for number in range(AUTH):
        log_in_status(url, victim, addresses.address_of(number))
    replies = [
        post_auth(url, "login", {"username": victim, "password": "x"}, addresses.stranger) for _ in range(ANONYMOUS + 2)
    ]
    assert [reply.json["error"]["details"]["operation"] for reply in replies] == ["auth"] * ANONYMOUS + [
        "anonymous"
    ] * 2


@pytest.mark.parametrize("body", [{"password": PASSWORD}, {"username": "a", "email": "b", "password": PASSWORD}])
def test_a_login_that_names_nobody_is_counted(
    limited_for_strangers: ServerProcess, addresses: AddressPool, body: dict[str, str]
) -> None:
    replies = [
        post_auth(limited_for_strangers.url, "login", body, addresses.stranger).status for _ in range(ANONYMOUS + 1)
    ]
    assert replies == [422] * ANONYMOUS + [429]


@embedded
def test_the_database_tells_no_address(start: Start) -> None:
    server = start()
    register_from(server.url, "ann", "203.0.113.77")
    server.terminate()
    files = list(server.data_dir.glob("chat.db*"))
    assert files
    for file in files:
        assert b"203.0.113.77" not in file.read_bytes()
