"""Invite links from outside: who makes them, who enters by them, and how somebody registers with one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.integration.conftest import Processes, Start, embedded
from tests.integration.test_rooms import MEMBER_ROOM
from tests.support.client import PASSWORD, Person, call, chat, person_at, register
from tests.support.server import ServerProcess


def make_link(person: Person, room_id: str, **body: Any) -> str:
    reply = person.call("POST", f"/rooms/{room_id}/invites", body)
    assert reply.status == 201, reply.json
    code: str = reply.json["code"]
    assert reply.json == {"code": code, "url": f"/?invite={code}"}
    return code


def registration(name: str, **more: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **more}


def test_a_link_lets_people_into_a_private_room_until_it_is_used_up(server: ServerProcess) -> None:
    ada, bob, cy = [register(server.url) for _ in range(3)]
    room_id = ada.make_room(isPrivate=True)["id"]
    code = make_link(ada, room_id, maxUses=1, expiresIn=3600)
    assert len(code) >= 22
    bare = ada.call("POST", f"/rooms/{room_id}/invites")
    assert (bare.status, set(bare.json)) == (201, {"code", "url"}), "a body may be left out, as all of its fields"
    assert ada.call("DELETE", f"/rooms/{room_id}/invites/{bare.json['code']}").status == 204
    (shown,) = ada.call("GET", f"/rooms/{room_id}/invites").json["invites"]
    assert set(shown) == {"code", "url", "uses", "maxUses", "expiresAt"}
    assert (shown["code"], shown["url"], shown["uses"], shown["maxUses"]) == (code, f"/?invite={code}", 0, 1)
    assert datetime.fromisoformat(shown["expiresAt"]) > datetime.fromisoformat(ada.user["createdAt"])
    assert ada.call("POST", f"/invites/{code}").json["room"]["memberCount"] == 1
    room = bob.call("POST", f"/invites/{code}").json["room"]
    assert (set(room), room["id"], room["role"], room["memberCount"]) == (MEMBER_ROOM, room_id, "member", 2)
    again = bob.call("POST", f"/invites/{code}")
    assert (again.status, again.json["room"]["memberCount"]) == (200, 2), "the reply to the last use may have been lost"
    refused = cy.call("POST", f"/invites/{code}")
    assert (refused.status, refused.code) == (404, "not_found")
    assert ada.call("GET", f"/rooms/{room_id}/invites").json == {"invites": []}
    bob.post(room_id, "here I am")


def test_who_may_make_see_and_revoke_links(server: ServerProcess) -> None:
    ada, bob, eve = [register(server.url) for _ in range(3)]
    public, private = ada.make_room()["id"], ada.make_room(isPrivate=True)["id"]
    direct = ada.call("POST", "/rooms/direct", {"userId": bob.id}).json["room"]["id"]
    bob.join(public)
    ada.call("POST", f"/rooms/{private}/members", {"userId": bob.id})
    for person, room_id, code in (
        (bob, private, "forbidden"),
        (ada, direct, "forbidden"),
        (eve, public, "not_member"),
        (eve, private, "room_not_found"),
        (eve, "nowhere", "room_not_found"),
    ):
        assert person.call("POST", f"/rooms/{room_id}/invites", {}).code == code
    hers, his = make_link(ada, public), make_link(bob, public)
    assert [one["code"] for one in bob.call("GET", f"/rooms/{public}/invites").json["invites"]] == [his]
    assert {one["code"] for one in ada.call("GET", f"/rooms/{public}/invites").json["invites"]} == {hers, his}
    assert eve.call("GET", f"/rooms/{public}/invites").code == "not_member"
    assert eve.call("GET", f"/rooms/{private}/invites").code == "room_not_found"
    assert bob.call("DELETE", f"/rooms/{public}/invites/{hers}").code == "forbidden"
    assert eve.call("DELETE", f"/rooms/{public}/invites/{hers}").code == "not_member"
    assert ada.call("DELETE", f"/rooms/{private}/invites/{hers}").code == "not_found"
    for code in (hers, his):
        assert ada.call("DELETE", f"/rooms/{public}/invites/{code}").status == 204
        assert ada.call("DELETE", f"/rooms/{public}/invites/{code}").code == "not_found"
        assert eve.call("POST", f"/invites/{code}").code == "not_found"


@embedded
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expiresIn": 0}, "expiresIn"),
        ({"expiresIn": -5}, "expiresIn"),
        ({"expiresIn": "3600"}, "expiresIn"),
        ({"expiresIn": 31_536_001}, "expiresIn"),
        ({"expiresIn": 1.5}, "expiresIn"),
        ({"maxUses": 0}, "maxUses"),
        ({"maxUses": 100_001}, "maxUses"),
        ({"maxUses": [1]}, "maxUses"),
    ],
)
def test_what_is_wrong_with_a_link_is_named(server: ServerProcess, body: dict[str, Any], field: str) -> None:
    ada = register(server.url)
    reply = ada.call("POST", f"/rooms/{ada.make_room()['id']}/invites", body)
    assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", [field])


def test_a_code_that_is_none_is_not_found(server: ServerProcess) -> None:
    eve = register(server.url)
    for code in ("none", "x" * 500, "%00", "$ne", "..%2f..", "%F0%9F%98%80"):
        assert (code, eve.call("POST", f"/invites/{code}").code) == (code, "not_found")


@embedded
def test_a_code_reaches_no_log(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = ada.make_room()["id"]
    code = make_link(ada, room_id)
    for path in (f"/invites/{code}", f"/rooms/{room_id}/invites/{code}", f"/?invite={code}"):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            for more in ("", "/", "/more"):
                ada.call(method, f"{path}{more}")
    ada.call("POST", f"/invites//{code}")
    server.until_logged("path=/invites/.*")
    assert code not in server.log()


def test_the_banned_and_those_who_do_not_fit_use_nothing_up(server: ServerProcess) -> None:
    ada, bob, cy, dan = [register(server.url) for _ in range(4)]
    room_id = ada.make_room(maxUsers=2)["id"]
    code = make_link(ada, room_id, maxUses=1)
    assert ada.call("POST", f"/rooms/{room_id}/bans/{bob.id}", {"reason": "noise"}).status < 300
    assert bob.call("POST", f"/invites/{code}").code == "banned"
    cy.join(room_id)
    assert dan.call("POST", f"/invites/{code}").code == "room_full"
    ada.call("PATCH", f"/rooms/{room_id}", {"maxUsers": 3})
    assert dan.call("POST", f"/invites/{code}").status == 200


def test_of_many_who_use_a_link_at_once_as_many_enter_as_it_says(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = ada.make_room(isPrivate=True)["id"]
    code = make_link(ada, room_id, maxUses=3)
    people = [register(server.url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda one: one.call("POST", f"/invites/{code}"), people))
    assert sorted(reply.status for reply in replies) == [200] * 3 + [404] * 5
    assert ada.call("GET", f"/rooms/{room_id}").json["room"]["memberCount"] == 4


@pytest.mark.gen_test
async def test_who_enters_by_a_link_hears_of_the_room_on_every_process(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room_id = ada.make_room(isPrivate=True)["id"]
    code = make_link(ada, room_id)
    async with chat(first.ws_url, ada) as a, chat(first.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room_id)
        await b.one("welcome")
        await asyncio.to_thread(bob.call, "POST", f"/invites/{code}")
        assert (await b.one("roomAdded"))["room"]["id"] == room_id
        assert (await a.one("userJoined"))["userId"] == bob.id


def test_registering_with_a_link_joins_its_room(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = ada.make_room(isPrivate=True)["id"]
    code = make_link(ada, room_id, maxUses=1)
    name = f"{ada.username}-guest"
    bad = call(server.url, "POST", "/auth/register", registration(name, invite="nonsense"))
    assert (bad.status, bad.code, list(bad.json["error"]["details"])) == (422, "validation_failed", ["invite"])
    taken = call(server.url, "POST", "/auth/register", registration(ada.username, invite=code))
    assert taken.code == "username_taken"
    made = call(server.url, "POST", "/auth/register", registration(name, invite=code))
    assert made.status == 201
    guest = Person(server.url, made.json["user"], made.json["accessToken"], made.json["refreshToken"])
    assert [room["id"] for room in guest.call("GET", "/rooms", mine="true").json["rooms"]] == [room_id]
    again = call(server.url, "POST", "/auth/register", registration(f"{name}2", invite=code))
    assert again.code == "validation_failed"


def test_where_registration_is_closed_a_link_lets_in_as_many_as_it_says(start: Start) -> None:
    before = start()
    ada = register(before.url)
    room_id = ada.make_room(isPrivate=True)["id"]
    code = make_link(ada, room_id, maxUses=2)
    before.stop()
    server = start(before.data_dir, REGISTRATION="closed")
    for more in ({}, {"invite": "nonsense"}, {"invite": ""}):
        refused = call(server.url, "POST", "/auth/register", registration("eve", **more))
        assert (refused.status, refused.code) == (403, "forbidden")
    with ThreadPoolExecutor(5) as pool:
        replies = list(
            pool.map(
                lambda number: call(server.url, "POST", "/auth/register", registration(f"guest{number}", invite=code)),
                range(5),
            )
        )
    assert sorted(reply.status for reply in replies) == [201] * 2 + [403] * 3
    assert call(server.url, "POST", "/auth/login", {"username": "eve", "password": PASSWORD}).status == 401
    assert person_at(ada, server).call("GET", f"/rooms/{room_id}").json["room"]["memberCount"] == 3
