"""The deletion of an account from outside: what ends, what stays, and under which name it is shown."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from chat.access_tokens import Tokens
from monitor.observer import Observer
from store.models import RoomDraft, Session
from store.sqlite import open_store
from tests.integration.conftest import JWT, Processes, Start, embedded
from tests.support.client import PASSWORD, Person, Reply, call, chat, person_at, register
from tests.support.machine_stalls import ending_within
from tests.support.server import ServerProcess
from tests.support.waiting import poll


def delete_account(person: Person, password: str = PASSWORD) -> Reply:
    return person.call("DELETE", "/users/me", {"password": password})


def names_in(person: Person, room_id: str) -> list[str]:
    messages = person.call("GET", "/messages", roomId=room_id).json["messages"]
    return [message["username"] for message in messages]


def members_of(person: Person, room_id: str) -> dict[str, str]:
    members = person.call("GET", f"/rooms/{room_id}/members").json["members"]
    return {member["userId"]: member["role"] for member in members}


@pytest.mark.gen_test
async def test_the_account_is_over_and_its_sockets_close(server: ServerProcess) -> None:
    ann = register(server.url)
    async with chat(server.ws_url, ann) as connection:
        await connection.one("welcome")
        reply = delete_account(ann)
        assert (reply.status, reply.body) == (204, b"")
        assert await connection.closed() == 4403
    assert ann.call("GET", "/users/me").code == "unauthorized"
    assert call(server.url, "POST", "/auth/refresh", {"refreshToken": ann.refresh_token}).code == "unauthorized"
    for login in ({"username": ann.username}, {"email": f"{ann.username}@example.com"}, {"email": ann.id}):
        assert call(server.url, "POST", "/auth/login", {**login, "password": PASSWORD}).code == "unauthorized"


def test_others_see_a_deleted_user(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    ann.call("PATCH", "/users/me", {"displayName": "Ann", "textColor": "#010203", "customStatus": "here"})
    assert bob.call("GET", f"/users/{ann.id}").json["user"]["displayName"] == "Ann"
    delete_account(ann)
    reply = bob.call("GET", f"/users/{ann.id}")
    assert reply.status == 200
    assert reply.json["user"] == {
        "id": ann.id,
        "username": "deleted",
        "displayName": "Deleted user",
        "avatarUrl": None,
        "textColor": None,
        "backgroundColor": None,
        "status": "offline",
        "customStatus": None,
        "createdAt": ann.user["createdAt"],
    }
    for query in (ann.username, "Deleted", "ann"):
        assert ann.id not in [user["id"] for user in bob.call("GET", "/users", q=query).json["users"]]


def test_the_name_is_never_given_again_and_the_email_may_register(server: ServerProcess) -> None:
    ann = register(server.url)
    delete_account(ann)
    email = f"{ann.username}@example.com"
    body = {"username": ann.username.upper(), "email": email, "password": PASSWORD}
    assert call(server.url, "POST", "/auth/register", body).code == "username_taken"
    reply = call(server.url, "POST", "/auth/register", {**body, "username": f"{ann.username}-again"})
    assert reply.status == 201
    assert reply.json["user"]["id"] != ann.id


@embedded
def test_nobody_registers_as_the_deleted(server: ServerProcess) -> None:
    body = {"username": "Deleted", "email": "deleted@example.com", "password": PASSWORD}
    assert call(server.url, "POST", "/auth/register", body).code == "username_taken"


@pytest.mark.gen_test
async def test_its_messages_stay_and_are_shown_as_by_deleted_everywhere(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    room = bob.make_room()["id"]
    ann.join(room)
    messages = [ann.post(room, content) for content in ("one", "two", "three")]
    bob.post(room, "four")
    assert names_in(bob, room) == [ann.username] * 3 + [bob.username]  # and it is cached
    async with chat(server.ws_url, bob) as live:
        before = await live.command("joinRoom", roomId=room)
        ann.post(room, "five")  # it is in the room's ring
        await live.one("receiveMessage")
        assert delete_account(ann).status == 204
        assert names_in(bob, room) == ["deleted"] * 3 + [bob.username, "deleted"]
        async with chat(server.ws_url, bob) as later:
            joined = await later.command("joinRoom", roomId=room, since=0, sinceRev=0)
        assert [message["username"] for message in joined["missed"]] == ["deleted"] * 3 + [bob.username, "deleted"]
        assert joined["seq"] == before["seq"] + 1
        assert {message["rev"] for message in joined["missed"]} == {0}
        assert live.named("messageEdited") == []
    message = bob.call("GET", f"/messages/{messages[0]['id']}").json["message"]
    assert message == {**messages[0], "username": "deleted"}
    page = bob.call("GET", "/messages", roomId=room, expand="author").json["messages"]
    assert page[0]["author"]["displayName"] == "Deleted user"


@pytest.mark.gen_test
async def test_another_process_shows_it_as_deleted_within_a_second(two_servers: Processes) -> None:
    first, second = two_servers
    ann, bob = register(first.url), register(first.url)
    room = bob.make_room()["id"]
    ann.join(room)
    bob_there = person_at(bob, second)
    async with chat(second.ws_url, person_at(ann, second)) as hers, chat(second.ws_url, bob_there) as live:
        await live.command("joinRoom", roomId=room)
        await hers.one("welcome")
        ann.post(room, "hello")
        await live.one("receiveMessage")
        assert names_in(bob_there, room) == [ann.username]
        assert delete_account(ann).status == 204

        async def missed() -> list[str]:
            async with chat(second.ws_url, bob_there) as later:
                joined = await later.command("joinRoom", roomId=room, since=0)
                return [message["username"] for message in joined["missed"]]

        with ending_within(1.0):
            poll(lambda: names_in(bob_there, room) == ["deleted"])
            assert await hers.closed() == 4403
            while await missed() != ["deleted"]:
                pass
        assert bob_there.call("GET", f"/users/{ann.id}").json["user"]["username"] == "deleted"
        poll(lambda: ann.id not in members_of(bob_there, room))


@pytest.mark.gen_test
async def test_rooms_go_on_and_owners_hand_over(server: ServerProcess) -> None:
    ann, bob, cleo = (register(server.url) for _ in range(3))
    room, alone = ann.make_room()["id"], ann.make_room()["id"]
    bob.join(room)
    cleo.join(room)
    async with chat(server.ws_url, bob) as connection:
        await connection.command("joinRoom", roomId=room)
        assert delete_account(ann).status == 204
        await connection.command("heartbeat")
    assert members_of(bob, room) == {bob.id: "owner", cleo.id: "member"}
    shown = bob.call("GET", f"/rooms/{room}").json["room"]
    assert (shown["ownerId"], shown["memberCount"], shown["role"]) == (bob.id, 2, "owner")
    empty = bob.call("GET", f"/rooms/{alone}").json["room"]
    assert (empty["ownerId"], empty["memberCount"]) == (None, 0)
    assert bob.call("POST", f"/rooms/{room}/members", {"userId": ann.id}).code == "user_not_found"


def test_a_direct_room_stays_for_the_other(server: ServerProcess) -> None:
    ann, bob, cleo = (register(server.url) for _ in range(3))
    room = bob.call("POST", "/rooms/direct", {"userId": ann.id}).json["room"]["id"]
    ann.post(room, "hello")
    assert delete_account(ann).status == 204
    assert names_in(bob, room) == ["deleted"]
    bob.post(room, "are you there?")
    assert bob.call("POST", "/rooms/direct", {"userId": ann.id}).json["room"]["id"] == room
    assert cleo.call("POST", "/rooms/direct", {"userId": ann.id}).code == "user_not_found"


@embedded
def test_a_wrong_password_or_none_deletes_nothing(server: ServerProcess) -> None:
    ann = register(server.url)
    reply = delete_account(ann, "a wrong password")
    assert (reply.status, reply.code) == (403, "forbidden")
    bodies: list[tuple[Any, str]] = [
        ({}, "validation_failed"),
        ({"password": 7}, "validation_failed"),
        ({"password": None}, "validation_failed"),
        ({"password": "nul\0"}, "validation_failed"),
        ([], "malformed"),
        (None, "malformed"),
    ]
    for body, code in bodies:
        assert ann.call("DELETE", "/users/me", body).code == code
    assert ann.call("DELETE", "/users/me", {"password": "x" * 60_000}).code == "forbidden"
    assert call(server.url, "DELETE", "/users/me", {"password": PASSWORD}).code == "unauthorized"
    assert ann.call("GET", "/users/me").status == 200


@embedded
def test_guesses_of_the_password_are_limited(start: Start) -> None:
    server = start(RATE_LIMIT_AUTH="4/300")
    ann = register(server.url)
    codes = [delete_account(ann, f"guess number {number}").code for number in range(5)]
    assert codes[:3] == ["forbidden"] * 3
    assert codes[-1] == "rate_limited"
    assert ann.call("GET", "/users/me").status == 200


@embedded
@pytest.mark.gen_test
async def test_what_a_crash_left_of_a_deletion_is_finished_later(tmp_path: Path, start: Start) -> None:
    """The process was killed after the account was marked: nothing that follows from it was done."""

    def a_minute_ago() -> int:
        return time.time_ns() // 1_000_000 - 60_000

    store = await open_store(
        tmp_path / "data", timeout_s=60, group_commit=True, observer=Observer(), now_ms=a_minute_ago
    )
    ann, bob = [
        await store.users.create(username=name, email=f"{name}@example.com", password_hash="hash")
        for name in ("ann", "bob")
    ]
    room = (await store.rooms.create(RoomDraft("Room", None, False, 100), ann.id)).room
    await store.members.add(room.id, bob.id)
    await store.settings.merge(ann.id, {"theme": "dark"})
    session = Session("s1", bob.id, 1, a_minute_ago(), a_minute_ago() + 10**7)
    await store.sessions.create(session)
    await store.ended_accounts.end(ann.id, before="hash")
    await store.close()
    tokens = Tokens(secret=JWT["JWT_SECRET"], previous=None, expires_in_s=3600)
    token = tokens.access(session, now_ms=time.time_ns() // 1_000_000)

    server = start(tmp_path / "data", **JWT)
    person = Person(server.url, {"id": bob.id}, token, "")
    await asyncio.to_thread(poll, lambda: members_of(person, room.id) == {bob.id: "owner"}, 60)
    await asyncio.to_thread(server.stop)
    store = await open_store(
        tmp_path / "data", timeout_s=60, group_commit=True, observer=Observer(), now_ms=a_minute_ago
    )
    assert await store.settings.get(ann.id) == {}
    assert await store.ended_accounts.unfinished(ended_before_ms=2**60, limit=9) == []
    await store.close()
