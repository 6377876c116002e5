"""One's own logins from outside: which are listed, with what, and how one is ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import Processes, embedded
from tests.support.client import PASSWORD, Person, call, chat, register
from tests.support.server import ServerProcess
from tests.support.waiting import poll


def log_in(person: Person, agent: str | None = None) -> Person:
    headers = {} if agent is None else {"User-Agent": agent}
    body = {"username": person.username, "password": PASSWORD}
    data = call(person.url, "POST", "/auth/login", body, headers=headers).json
    return Person(person.url, data["user"], data["accessToken"], data["refreshToken"])


def sessions_of(person: Person) -> list[dict[str, Any]]:
    reply = person.call("GET", "/auth/sessions")
    assert reply.status == 200
    listed: list[dict[str, Any]] = reply.json["sessions"]
    return listed


def own_session(person: Person) -> dict[str, Any]:
    (own,) = (one for one in sessions_of(person) if one["current"])
    return own


def test_each_login_is_listed_with_what_its_client_said_of_itself(server: ServerProcess) -> None:
    ann = register(server.url)
    phone = log_in(ann, "  A phone\t\x9f 1.0 " + "x" * 300)
    (last, first) = sessions_of(phone)
    assert set(first) == {"id", "createdAt", "lastUsedAt", "userAgent", "current"}
    assert (first["userAgent"], first["current"]) == (None, False)
    assert (last["userAgent"], last["current"]) == (("A phone 1.0 " + "x" * 300)[:200], True)
    assert first["createdAt"] == first["lastUsedAt"] <= last["createdAt"]
    assert [one["current"] for one in sessions_of(ann)] == [False, True]


def test_a_registration_says_it_too(server: ServerProcess) -> None:
    body = {"username": "with-agent", "email": "with-agent@example.com", "password": PASSWORD}
    data = call(server.url, "POST", "/auth/register", body, headers={"User-Agent": "A browser"}).json
    person = Person(server.url, data["user"], data["accessToken"], data["refreshToken"])
    assert [one["userAgent"] for one in sessions_of(person)] == ["A browser"]


def test_a_refresh_is_a_use_and_the_session_stays_the_same(server: ServerProcess) -> None:
    ann = register(server.url)
    other = log_in(ann)
    before = own_session(ann)
    ann.call("GET", "/users/me")
    assert own_session(ann) == before
    assert call(server.url, "POST", "/auth/refresh", {"refreshToken": ann.refresh_token}).status == 200
    after = own_session(ann)
    assert (after["id"], after["createdAt"]) == (before["id"], before["createdAt"])
    assert after["lastUsedAt"] > before["lastUsedAt"]
    assert [one["current"] for one in sessions_of(other)] == [False, True]


def test_a_session_that_is_over_is_not_listed(server: ServerProcess) -> None:
    ann = register(server.url)
    gone = log_in(ann)
    assert len(sessions_of(ann)) == 2
    gone.call("POST", "/auth/logout")
    assert [one["current"] for one in sessions_of(ann)] == [True]


@pytest.mark.gen_test
async def test_an_ended_session_is_refused_and_its_sockets_are_closed(server: ServerProcess) -> None:
    ann = register(server.url)
    lost = log_in(ann)
    session_id = own_session(lost)["id"]
    async with chat(server.ws_url, lost) as theirs, chat(server.ws_url, ann) as ours:
        await theirs.one("welcome")
        reply = ann.call("DELETE", f"/auth/sessions/{session_id}")
        assert (reply.status, reply.body) == (204, b"")
        assert await theirs.closed() == 4403
        assert lost.call("GET", "/users/me").code == "unauthorized"
        refreshed = call(server.url, "POST", "/auth/refresh", {"refreshToken": lost.refresh_token})
        assert refreshed.code == "unauthorized"
        await ours.command("heartbeat")
    assert ann.call("DELETE", f"/auth/sessions/{session_id}").code == "not_found"


def test_the_present_session_can_be_ended_too(server: ServerProcess) -> None:
    ann = register(server.url)
    assert ann.call("DELETE", f"/auth/sessions/{own_session(ann)['id']}").status == 204
    assert ann.call("GET", "/auth/sessions").code == "unauthorized"
    assert len(sessions_of(log_in(ann))) == 1


@embedded
def test_another_users_session_and_one_that_is_not_there_are_not_found(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    for session_id in (own_session(bob)["id"], "none", "x" * 2000, "%00", "%F0%9F%98%80"):
        reply = ann.call("DELETE", f"/auth/sessions/{session_id}")
        assert (reply.status, reply.code) == (404, "not_found")
    assert len(sessions_of(bob)) == 1
    assert call(server.url, "GET", "/auth/sessions").code == "unauthorized"
    assert call(server.url, "DELETE", f"/auth/sessions/{own_session(bob)['id']}").code == "unauthorized"


@pytest.mark.gen_test
async def test_a_session_that_is_ended_on_one_process_is_over_on_the_other(two_servers: Processes) -> None:
    first, second = two_servers
    ann = register(first.url)
    lost = log_in(ann)
    async with chat(second.ws_url, lost) as theirs:
        await theirs.one("welcome")
        assert ann.call("DELETE", f"/auth/sessions/{own_session(lost)['id']}").status == 204
        assert await theirs.closed() == 4403
    poll(lambda: call(second.url, "GET", "/users/me", token=lost.access_token).status == 401)
