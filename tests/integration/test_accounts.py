"""Accounts and logins from outside: registration, login, rotation and reuse of tokens, logout, passwords, and forged
tokens.
"""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.client import PASSWORD, CommandRefused, Person, Reply, call, chat, register
from tests.support.server import ServerProcess, serving

SECRET = "a secret of the tests that is long enough for the longest of the HMAC algorithms"
OLD_SECRET = "the secret before it, thirty-two bytes or more"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server with JWT secrets that the tests know."""
    data_dir = tmp_path_factory.mktemp("accounts") / "data"
    env = {**store_env(data_dir), "JWT_SECRET": SECRET, "JWT_SECRET_PREVIOUS": OLD_SECRET}
    with serving(data_dir, env) as process:
        yield process
    for secret in (SECRET, OLD_SECRET, PASSWORD):
        assert secret not in process.log()


def log_in(person: Person, password: str = PASSWORD) -> Reply:
    return call(person.url, "POST", "/auth/login", {"username": person.username, "password": password})


def refresh(url: str, token: str) -> Reply:
    return call(url, "POST", "/auth/refresh", {"refreshToken": token})


def profile(url: str, token: str) -> Reply:
    return call(url, "GET", "/auth/profile", token=token)


def another_login(person: Person) -> Person:
    data = log_in(person).json
    return Person(person.url, data["user"], data["accessToken"], data["refreshToken"])


# ---- register and login ------------------------------------------------------------------------------------------


def test_registering_gives_the_user_and_both_tokens(server: ServerProcess) -> None:
    body = {"username": "Ada.Lovelace-1_", "email": "ada@example.com", "password": PASSWORD}
    reply = call(server.url, "POST", "/auth/register", body)
    assert reply.status == 201
    assert set(reply.json) == {"user", "accessToken", "refreshToken", "expiresIn"}
    assert reply.json["expiresIn"] == 900
    user = reply.json["user"]
    assert (user["username"], user["email"]) == ("Ada.Lovelace-1_", "ada@example.com")
    assert set(user) == {
        *("id", "username", "displayName", "avatarUrl", "textColor", "backgroundColor"),
        *("status", "customStatus", "createdAt", "email"),
    }
    assert profile(server.url, reply.json["accessToken"]).json == {"user": user}


def test_a_name_or_address_is_taken_without_regard_to_case(server: ServerProcess) -> None:
    ada = register(server.url, "Grace")
    taken = {"username": "gRACE", "email": "new@example.com", "password": PASSWORD}
    assert call(server.url, "POST", "/auth/register", taken).code == "username_taken"
    taken = {"username": "grace2", "email": "GRACE@example.com", "password": PASSWORD}
    reply = call(server.url, "POST", "/auth/register", taken)
    assert (reply.status, reply.code) == (409, "email_taken")
    assert (
        call(server.url, "POST", "/auth/login", {"email": "grace@EXAMPLE.com", "password": PASSWORD}).json["user"]["id"]
        == ada.id
    )
    assert (
        call(server.url, "POST", "/auth/login", {"username": "GRACE", "password": PASSWORD}).json["user"]["id"]
        == ada.id
    )


def test_of_many_who_register_one_name_at_once_one_gets_it(server: ServerProcess) -> None:
    gate = threading.Barrier(8)

    def attempt(number: int) -> Reply:
        gate.wait()
        name = "RACER" if number % 2 else "racer"
        return call(
            server.url,
            "POST",
            "/auth/register",
            {"username": name, "email": f"racer{number}@example.com", "password": PASSWORD},
        )

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(attempt, range(8)))
    assert sorted(reply.status for reply in replies) == [201, *[409] * 7]
    assert {reply.code for reply in replies if reply.status == 409} == {"username_taken"}


@embedded
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "ab"}, "username"),
        ({"username": "x" * 33}, "username"),
        ({"username": "no spaces"}, "username"),
        ({"username": "ünï"}, "username"),
        ({"username": "line\n"}, "username"),
        ({"username": 7}, "username"),
        ({"username": None}, "username"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b c"}, "email"),
        ({"email": "x" * 250 + "@x.de"}, "email"),
        ({"password": "short77"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "nul\0nulnul"}, "password"),
    ],
)
def test_what_is_wrong_with_a_registration_is_named(server: ServerProcess, change: dict[str, Any], field: str) -> None:
    reply = call(
        server.url,
        "POST",
        "/auth/register",
        {"username": "valid", "email": "valid@example.com", "password": PASSWORD, **change},
    )
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


@embedded
def test_all_wrong_fields_are_named_at_once(server: ServerProcess) -> None:
    reply = call(server.url, "POST", "/auth/register", {"username": "a", "email": 5})
    assert set(reply.json["error"]["details"]) == {"username", "email", "password"}


@embedded
@pytest.mark.parametrize("password", ["x" * 8, "y" * 128, "pässwörd 😀 ok"])
def test_a_password_of_any_characters_logs_in(server: ServerProcess, password: str) -> None:
    name = f"pw{len(password)}"
    body = {"username": name, "email": f"{name}@example.com", "password": password}
    assert call(server.url, "POST", "/auth/register", body).status == 201
    assert call(server.url, "POST", "/auth/login", {"username": name, "password": password}).status == 200


def test_an_unknown_name_and_a_wrong_password_look_the_same(server: ServerProcess) -> None:
    ada = register(server.url)
    wrong = log_in(ada, "not her password")
    unknown = call(server.url, "POST", "/auth/login", {"username": "who.is.this", "password": PASSWORD})
    assert wrong.status == unknown.status == 401
    for reply in (wrong, unknown):
        assert reply.code == "unauthorized"
    assert wrong.json["error"]["message"] == unknown.json["error"]["message"]


@embedded
@pytest.mark.parametrize("body", [{"password": PASSWORD}, {"username": "a", "email": "b", "password": PASSWORD}])
def test_a_login_takes_either_a_name_or_an_address(server: ServerProcess, body: dict[str, str]) -> None:
    assert call(server.url, "POST", "/auth/login", body).status == 422


# ---- refresh -----------------------------------------------------------------------------------------------------


def test_a_refresh_gives_new_tokens_that_work(server: ServerProcess) -> None:
    ada = register(server.url)
    reply = refresh(server.url, ada.refresh_token)
    assert reply.status == 200
    assert set(reply.json) == {"user", "accessToken", "refreshToken", "expiresIn"}
    assert reply.json["refreshToken"] != ada.refresh_token
    assert profile(server.url, reply.json["accessToken"]).json["user"]["id"] == ada.id
    assert refresh(server.url, reply.json["refreshToken"]).status == 200


def test_the_token_just_replaced_gives_the_same_replacement(server: ServerProcess) -> None:
    ada = register(server.url)
    first = refresh(server.url, ada.refresh_token).json["refreshToken"]
    assert refresh(server.url, ada.refresh_token).json["refreshToken"] == first
    assert refresh(server.url, first).status == 200


def test_two_tabs_that_refresh_at_once_get_the_same_replacement(server: ServerProcess) -> None:
    ada = register(server.url)
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: refresh(server.url, ada.refresh_token), range(6)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["refreshToken"] for reply in replies}) == 1


def test_an_older_token_that_comes_again_revokes_the_whole_family(server: ServerProcess) -> None:
    ada = register(server.url)
    elsewhere = another_login(ada)
    second = refresh(server.url, ada.refresh_token).json
    third = refresh(server.url, second["refreshToken"]).json
    assert refresh(server.url, ada.refresh_token).status == 401
    for token in (second["refreshToken"], third["refreshToken"]):
        assert refresh(server.url, token).code == "unauthorized"
    for token in (ada.access_token, second["accessToken"], third["accessToken"]):
        assert profile(server.url, token).code == "unauthorized"
    assert profile(server.url, elsewhere.access_token).status == 200, "another login is another family"
    assert refresh(server.url, elsewhere.refresh_token).status == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "s1.1.AAAA", "s1.-1.x", "é.1.x", "x" * 513, 7, None])
def test_what_is_no_refresh_token_is_refused(server: ServerProcess, token: Any) -> None:
    reply = call(server.url, "POST", "/auth/refresh", {"refreshToken": token})
    assert reply.status == (401 if isinstance(token, str) and len(token) <= 512 else 422)


def test_a_refresh_token_ends_by_time(start: Start) -> None:
    server = start(JWT_REFRESH_EXPIRES_IN="1")
    ada = register(server.url)
    deadline = time.monotonic() + 30
    # The same token each time: a refresh does not extend it
    while (reply := refresh(server.url, ada.refresh_token)).status == 200:
        assert time.monotonic() < deadline
    assert (reply.status, reply.code) == (401, "unauthorized")


# ---- revocation --------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_a_logout_refuses_the_sessions_tokens_and_closes_its_sockets_at_once(server: ServerProcess) -> None:
    ada = register(server.url)
    elsewhere = another_login(ada)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, elsewhere) as b:
        await a.one("welcome")
        await b.one("welcome")
        reply = await asyncio.to_thread(ada.call, "POST", "/auth/logout")
        assert (reply.status, reply.body) == (204, b"")
        assert await a.closed() == 4403
        await b.command("heartbeat")
    assert profile(server.url, ada.access_token).code == "unauthorized"
    assert refresh(server.url, ada.refresh_token).status == 401
    async with chat(server.ws_url, ada) as again:
        assert await again.closed() == 4401


@pytest.mark.gen_test
async def test_a_new_password_ends_the_other_sessions_only(server: ServerProcess) -> None:
    ada = register(server.url)
    elsewhere = another_login(ada)
    change = {"oldPassword": PASSWORD, "newPassword": "an even better one"}
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, elsewhere) as b:
        await b.one("welcome")
        assert (await asyncio.to_thread(ada.call, "POST", "/auth/password", change)).status == 204
        assert await b.closed() == 4403
        await a.command("heartbeat")
    assert profile(server.url, elsewhere.access_token).status == 401
    assert refresh(server.url, elsewhere.refresh_token).status == 401
    assert profile(server.url, ada.access_token).status == 200
    assert log_in(ada).status == 401
    assert log_in(ada, "an even better one").status == 200


def test_of_two_who_change_a_password_at_once_one_is_told_that_the_old_one_is_wrong(server: ServerProcess) -> None:
    """Whose change was confirmed first, their password stands: the other may be somebody who should not have known the
    old one.
    """
    ada = register(server.url)
    both = (ada, another_login(ada))

    def change(number: int) -> Reply:
        body = {"oldPassword": PASSWORD, "newPassword": f"that of login {number}"}
        while (
            reply := both[number].call("POST", "/auth/password", body)
        ).status == 503:  # the other one is about to write
            assert reply.headers["retry-after"] == "1"
        return reply

    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(change, range(2)))
    (first,) = (number for number, reply in enumerate(replies) if reply.status == 204)
    other = replies[1 - first]
    # 401: its session was revoked before the request
    assert (other.status, other.code) in ((403, "forbidden"), (401, "unauthorized"))
    assert log_in(ada, f"that of login {first}").status == 200
    assert log_in(ada, f"that of login {1 - first}").status == 401
    assert profile(server.url, both[first].access_token).status == 200


def test_no_login_with_the_old_password_outlives_the_change_of_it(server: ServerProcess) -> None:
    """A login that had read the old hash before the change must not leave a session behind after it."""
    ada = register(server.url)
    first, changed = threading.Event(), threading.Event()

    def keep_logging_in(_: int) -> list[str]:
        tokens = []
        while not changed.is_set():
            reply = log_in(ada)
            if reply.status == 200:
                tokens.append(reply.json["accessToken"])
                first.set()
        return tokens

    with ThreadPoolExecutor(6) as pool:
        logins = pool.map(keep_logging_in, range(6))
        change = {"oldPassword": PASSWORD, "newPassword": "an even better one"}
        try:
            assert first.wait(30)
            assert ada.call("POST", "/auth/password", change).status == 204
        finally:
            changed.set()
        tokens = [token for some in logins for token in some]
    assert tokens
    assert {profile(server.url, token).status for token in tokens} == {401}


def test_a_wrong_old_password_or_a_bad_new_one_changes_nothing(server: ServerProcess) -> None:
    ada = register(server.url)
    assert (
        ada.call("POST", "/auth/password", {"oldPassword": "wrong", "newPassword": "an even better one"}).status == 403
    )
    assert ada.call("POST", "/auth/password", {"oldPassword": PASSWORD, "newPassword": "short"}).status == 422
    assert log_in(ada).status == 200


@pytest.mark.gen_test
async def test_a_logout_in_the_middle_of_connects_leaves_no_socket_open(server: ServerProcess) -> None:
    """Whether a connect comes before or after the revocation, it ends."""
    for _ in range(10):
        ada = register(server.url)
        logout = asyncio.to_thread(ada.call, "POST", "/auth/logout")

        async def connect_and_wait(person: Person = ada) -> int | None:
            async with chat(server.ws_url, person) as one:
                return await one.closed()

        codes, reply = await asyncio.gather(asyncio.gather(*(connect_and_wait() for _ in range(4))), logout)
        assert reply.status == 204
        assert set(codes) <= {4401, 4403}


# ---- expiry ------------------------------------------------------------------------------------------------------


@embedded
@pytest.mark.gen_test
async def test_at_its_expiry_a_connection_is_closed_4401_unless_it_renewed(start: Start) -> None:
    server = start(JWT_EXPIRES_IN="8")
    ada = register(server.url)
    async with chat(server.ws_url, ada) as idle, chat(server.ws_url, ada) as renewing:
        await idle.one("welcome")
        ended = asyncio.ensure_future(idle.closed(60))
        while idle.close_code is None:
            fresh = await asyncio.to_thread(refresh, server.url, ada.refresh_token)
            ada.refresh_token = fresh.json["refreshToken"]
            renewed = await renewing.command("authenticate", token=fresh.json["accessToken"])
            assert set(renewed) == {"user", "expiresAt"}
            await asyncio.wait([ended], timeout=1)
        assert await ended == 4401
        await renewing.command("heartbeat")
    assert profile(server.url, ada.access_token).code == "token_expired"


@pytest.mark.gen_test
async def test_a_failed_first_authenticate_gets_an_error_then_4401_and_a_failed_renewal_only_an_error(
    server: ServerProcess,
) -> None:
    ada, eve = register(server.url), register(server.url)
    async with chat(server.ws_url) as nobody:
        with pytest.raises(CommandRefused) as refused:
            await nobody.command("authenticate", token="nonsense")
        assert refused.value.code == "unauthorized"
        assert await nobody.closed() == 4401
    async with chat(server.ws_url, ada) as a:
        for token, code in (("nonsense", "unauthorized"), (eve.access_token, "forbidden")):
            with pytest.raises(CommandRefused) as refused:
                await a.command("authenticate", token=token)
            assert refused.value.code == code
        await a.command("heartbeat")


# ---- tokens that are not ours ------------------------------------------------------------------------------------


def forged(token: str, *, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm=algorithm)


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def test_a_token_is_checked_by_one_algorithm_and_all_its_claims(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    token = ada.access_token
    assert profile(server.url, forged(token)).status == 200
    assert profile(server.url, forged(token, secret=OLD_SECRET)).status == 200, "the previous secret still verifies"
    bad = {
        "no signature": unsigned(token),
        "another secret": forged(token, secret="x" * 40),
        "another algorithm": forged(token, secret=SECRET * 2, algorithm="HS512"),
        "the same secret, another algorithm": forged(token, algorithm="HS384"),
        "another's subject": forged(token, sub=eve.id),
        "no subject": forged(token, sub=None),
        "no session": forged(token, sid=None),
        "a session that is not": forged(token, sid="s0"),
        "a session of the wrong type": forged(token, sid=[1]),
        "no expiry": forged(token, exp=None),
        "a cut signature": token[:-4],
        "a changed payload": token.replace(".", ".e30", 1),
        "nothing": "",
    }
    for name, one in bad.items():
        reply = profile(server.url, one)
        assert (name, reply.status, reply.code) == (name, 401, "unauthorized")
        assert reply.headers["www-authenticate"] == "Bearer"
    expired = profile(server.url, forged(token, exp=int(time.time()) - 1))
    assert (expired.status, expired.code) == (401, "token_expired")


@embedded
@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Bearer ", "bearer"])
def test_without_a_bearer_token_it_is_401(server: ServerProcess, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert call(server.url, "GET", "/auth/profile", headers=headers).code == "unauthorized"


@embedded
def test_the_generated_secret_is_private_and_outlives_a_restart(start: Start) -> None:
    server = start()
    ada = register(server.url)
    secrets = [path for path in server.data_dir.iterdir() if "secret" in path.name]
    assert len(secrets) == 1
    assert stat.S_IMODE(secrets[0].stat().st_mode) == 0o600
    server.kill()
    server.start()
    assert profile(server.url, ada.access_token).status == 200
    assert refresh(server.url, ada.refresh_token).status == 200


# ---- profiles ----------------------------------------------------------------------------------------------------


def test_a_profile_is_changed_field_by_field_and_others_see_it_without_the_address(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    assert eve.call("GET", f"/users/{ada.id}").json["user"]["displayName"] == ada.username
    change = {
        "displayName": "Ada 😀",
        "textColor": "#00ff00",
        "customStatus": "thinking",
        "username": "other",
        "id": "x",
    }
    reply = ada.call("PATCH", "/users/me", change)
    assert reply.status == 200
    assert reply.json["user"]["username"] == ada.username, "it never changes"
    seen = eve.call("GET", f"/users/{ada.id}").json["user"]
    assert (seen["displayName"], seen["textColor"], seen["customStatus"]) == ("Ada 😀", "#00ff00", "thinking")
    assert "email" not in seen
    assert ada.call("PATCH", "/users/me", {"customStatus": None}).json["user"]["customStatus"] is None
    assert eve.call("GET", f"/users/{ada.id}").json["user"]["displayName"] == "Ada 😀"
    for wrong in ({"displayName": ""}, {"displayName": None}, {"textColor": "red"}, {"customStatus": "x" * 141}):
        assert ada.call("PATCH", "/users/me", wrong).status == 422


def test_people_are_found_by_the_start_of_their_name(server: ServerProcess) -> None:
    ada = register(server.url, "Zoe.Finder")
    register(server.url, "zoe_other")
    found = ada.call("GET", "/users", q="ZOE").json["users"]
    assert {user["username"] for user in found} == {"Zoe.Finder", "zoe_other"}
    assert all("email" not in user for user in found)
    assert ada.call("GET", "/users", q="zoe%").json["users"] == []
    assert ada.call("GET", "/users", q="zoe.").json["users"][0]["id"] == ada.id
    assert len(ada.call("GET", "/users", limit=1).json["users"]) == 1


def test_an_unknown_user_is_user_not_found(server: ServerProcess) -> None:
    ada = register(server.url)
    for user_id in ("nobody", "x" * 200, "%00", "..%2f..%2fetc%2fpasswd", "'; drop table users; --"):
        reply = ada.call("GET", f"/users/{user_id}".replace(" ", "%20"))
        assert (reply.status, reply.code) == (404, "user_not_found")
