"""Display names and passwords from outside: one normalized form of a text wherever it is entered, and how long a login
lasts.
"""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from argon2 import PasswordHasher

from monitor.observer import Observer
from store.sqlite import open_store
from tests.integration.conftest import Start, embedded
from tests.support.client import PASSWORD, CommandRefused, Reply, call, chat, register
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NFC, NFD = "caf\u00e9 au lait", "cafe\u0301 au lait"
NAMED = (("POST", "/rooms", "name"), ("PATCH", "/users/me", "displayName"), ("PATCH", "/users/me", "customStatus"))
TURNING = "abc\u202edef"


def log_in(url: str, name: str, password: str) -> Reply:
    return call(url, "POST", "/auth/login", {"username": name, "password": password})


def register_named(url: str, name: str, password: str) -> Reply:
    return call(url, "POST", "/auth/register", {"username": name, "email": f"{name}@example.com", "password": password})


@pytest.mark.gen_test
async def test_what_people_see_as_a_name_has_one_form_and_nothing_that_hides_or_turns_it(server: ServerProcess) -> None:
    ada = register(server.url)
    assert ada.make_room(name=f"  {NFD}\n")["name"] == NFC
    assert (
        ada.call("PATCH", "/users/me", {"displayName": NFD, "customStatus": f" {NFD} "}).json["user"]["displayName"]
        == NFC
    )
    assert ada.call("GET", "/auth/profile").json["user"]["customStatus"] == NFC
    for wrong in (TURNING, "a\nb", "a\u2028b", "\u200d\u3164", "  ", ""):
        for method, path, field in NAMED:
            reply = ada.call(method, path, {field: wrong})
            assert (reply.status, list(reply.json["error"]["details"])) == (422, [field]), (path, field, wrong)
    async with chat(server.ws_url, ada) as one:
        for wrong in (TURNING, "\u2066x"):
            with pytest.raises(CommandRefused) as refused:
                await one.command("updatePresence", status="away", customStatus=wrong)
            assert (refused.value.code, list(refused.value.data["details"])) == ("validation_failed", ["customStatus"])
        await one.command("updatePresence", status="away", customStatus=f"{NFD} ")
    assert ada.call("GET", f"/users/{ada.id}").json["user"]["customStatus"] == NFC
    message = ada.post(ada.make_room()["id"], TURNING)
    assert message["content"] == TURNING, "what people say is theirs"


def test_who_searches_finds_a_name_whichever_way_it_is_written(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room(name="Z\u00fcrich")
    ada.call("PATCH", "/users/me", {"displayName": "\u00c5sa"})
    assert room["id"] in [found["id"] for found in ada.call("GET", "/rooms", q="zu\u0308r").json["rooms"]]
    assert ada.id in [found["id"] for found in ada.call("GET", "/users", q="A\u030as").json["users"]]


def test_one_password_logs_in_from_every_keyboard_and_is_counted_in_the_form_that_is_compared(
    server: ServerProcess,
) -> None:
    assert register_named(server.url, "keyboards", NFD).status == 201
    for password in (NFC, NFD, NFC.replace(" ", "\u00a0")):
        assert log_in(server.url, "keyboards", password).status == 200
    assert log_in(server.url, "keyboards", NFC.upper()).status == 401
    for wrong in ("e\u0301" * 7, "tab\tinside it", "Password1", "QWERTYUIOP", "12345678"):
        reply = register_named(server.url, "never", wrong)
        assert (reply.status, list(reply.json["error"]["details"])) == (422, ["password"]), wrong
    token = log_in(server.url, "keyboards", NFC).json["accessToken"]
    for old, new, status in ((NFC, "password123", 422), (NFD, "another\u00a0one", 204)):
        reply = call(server.url, "POST", "/auth/password", {"oldPassword": old, "newPassword": new}, token=token)
        assert reply.status == status
    assert log_in(server.url, "keyboards", "another one").status == 200


@embedded
@pytest.mark.gen_test
async def test_a_password_of_before_these_rules_logs_in_as_it_was_sent_and_then_in_its_form_too(
    start: Start, tmp_path: Path
) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    data_dir, now_ms = tmp_path / "data", lambda: time.time_ns() // 1_000_000
    store = await open_store(data_dir, timeout_s=30, group_commit=True, observer=Observer(), now_ms=now_ms)
    for name, password in (("old", NFD), ("common", "password"), ("short", "x")):
        await store.users.create(username=name, email=f"{name}@b", password_hash=hasher.hash(password))
    await store.close()
    server = start(tmp_path / "data")
    assert log_in(server.url, "old", NFC).status == 401
    assert log_in(server.url, "old", NFD).status == 200
    assert log_in(server.url, "old", NFC).status == 200
    assert log_in(server.url, "old", NFD).status == 200
    assert log_in(server.url, "common", "password").status == 200, "they are refused when set, not at a login"
    assert log_in(server.url, "short", "x").status == 200


@embedded
@pytest.mark.gen_test
async def test_a_login_ends_when_its_time_is_over_whatever_was_refreshed(start: Start) -> None:
    server = start(JWT_SESSION_MAX="6", JWT_EXPIRES_IN="900")
    ada = register(server.url)
    began = jwt.decode(ada.access_token, options={"verify_signature": False})["iat"]
    token = ada.refresh_token
    ends, lifetimes = set(), []

    def refreshed() -> bool:
        nonlocal token
        reply = call(server.url, "POST", "/auth/refresh", {"refreshToken": token})
        if reply.status != 200:
            assert (reply.status, reply.code) == (401, "unauthorized")
            return False
        token = reply.json["refreshToken"]
        ends.add(jwt.decode(reply.json["accessToken"], options={"verify_signature": False})["exp"])
        lifetimes.append(reply.json["expiresIn"])
        return True

    async with chat(server.ws_url, ada) as one:
        assert refreshed()
        assert await one.closed() == 4401
    poll(lambda: not refreshed())
    assert max(ends) <= began + 6
    assert max(lifetimes) <= 6
    assert ada.call("GET", "/auth/profile").status == 401
    assert log_in(server.url, ada.username, PASSWORD).status == 200
