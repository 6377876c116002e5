"""Settings of a room from outside: who may change which, what it does at once, and who hears of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.conftest import Processes, embedded
from tests.integration.test_rooms import ROOM
from tests.support.client import CommandRefused, Person, chat, register
from tests.support.server import ServerProcess


def change(person: Person, room_id: str, **settings: Any) -> dict[str, Any]:
    reply = person.call("PATCH", f"/rooms/{room_id}", settings)
    assert reply.status == 200, reply.json
    room: dict[str, Any] = reply.json["room"]
    return room


def test_the_owner_changes_every_setting(server: ServerProcess) -> None:
    ada = register(server.url)
    room_id = ada.make_room(description="old")["id"]
    room = change(
        ada, room_id, name=" New ", description=None, isPrivate=True, maxUsers=7, slowModeS=21_600, archived=True
    )
    assert (room["name"], room["description"], room["isPrivate"], room["maxUsers"]) == ("New", None, True, 7)
    assert (room["slowModeS"], room["role"], room["rev"]) == (21_600, "owner", 1)
    assert room["archivedAt"].endswith("Z")
    assert ada.call("GET", f"/rooms/{room_id}").json["room"] == room
    assert ada.call("GET", f"/rooms/{room_id}/changes").json["changes"] == [{"rev": 1, "message": None}]
    assert change(ada, room_id, archived=False, slowModeS=0)["archivedAt"] is None
    assert change(ada, room_id)["rev"] == 2


@embedded
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"description": 5}, "description"),
        ({"description": "x" * 1001}, "description"),
        ({"isPrivate": None}, "isPrivate"),
        ({"isPrivate": "yes"}, "isPrivate"),
        ({"maxUsers": 1}, "maxUsers"),
        ({"maxUsers": 100_001}, "maxUsers"),
        ({"slowModeS": -1}, "slowModeS"),
        ({"slowModeS": 21_601}, "slowModeS"),
        ({"slowModeS": 1.5}, "slowModeS"),
        ({"slowModeS": 10**400}, "slowModeS"),
        ({"archived": 1}, "archived"),
        ({"archived": None}, "archived"),
    ],
)
def test_what_is_wrong_with_a_setting_is_named(server: ServerProcess, body: dict[str, Any], field: str) -> None:
    ada = register(server.url)
    reply = ada.call("PATCH", f"/rooms/{ada.make_room()['id']}", body)
    assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", [field])


def test_who_may_not_change_a_room_is_told_so_and_a_stranger_learns_nothing(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    public, private = ada.make_room()["id"], ada.make_room(isPrivate=True)["id"]
    direct = ada.call("POST", "/rooms/direct", {"userId": bob.id}).json["room"]["id"]
    bob.join(public)
    for person, room_id, code in (
        (bob, public, "forbidden"),
        (eve, public, "not_member"),
        (eve, private, "room_not_found"),
        (ada, direct, "forbidden"),
        (eve, direct, "room_not_found"),
        (ada, "nowhere", "room_not_found"),
        (ada, "x" * 300, "room_not_found"),
    ):
        assert (room_id, person.call("PATCH", f"/rooms/{room_id}", {"name": "mine"}).code) == (room_id, code)
    register(server.url).join(public)
    reply = ada.call("PATCH", f"/rooms/{public}", {"maxUsers": 2})
    assert (reply.status, reply.code) == (409, "conflict")


def test_a_room_made_private_keeps_its_members_and_is_not_there_for_strangers(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room_id = ada.make_room()["id"]
    bob.join(room_id)
    assert eve.call("GET", f"/rooms/{room_id}").status == 200
    change(ada, room_id, isPrivate=True)
    for path in ("", "/members", "/stats", "/changes"):
        assert eve.call("GET", f"/rooms/{room_id}{path}").code == "room_not_found"
    assert eve.call("POST", f"/rooms/{room_id}/join").code == "room_not_found"
    assert eve.call("GET", "/messages", roomId=room_id).code == "room_not_found"
    bob.post(room_id, "still here")
    change(ada, room_id, isPrivate=False)
    assert eve.call("POST", f"/rooms/{room_id}/join").status == 200


@pytest.mark.gen_test
async def test_every_connection_in_the_room_hears_of_new_settings_in_rev_order(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room_id = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room_id)
        await b.command("joinRoom", roomId=room_id)
        for number in range(3):
            await asyncio.to_thread(change, ada, room_id, name=f"Name {number}")
        for one in (a, b):
            await one.until(lambda one=one: len(one.named("roomUpdated")) == 3)
            rooms = [data["room"] for data in one.named("roomUpdated")]
            assert [room["name"] for room in rooms] == ["Name 0", "Name 1", "Name 2"]
            assert [room["rev"] for room in rooms] == [2, 3, 4]
            assert set(rooms[0]) == ROOM
        await asyncio.to_thread(change, ada, room_id, isPrivate=True)
        eve = await asyncio.to_thread(register, second.url)
        reply = await asyncio.to_thread(eve.call, "GET", f"/rooms/{room_id}")
        assert reply.code == "room_not_found"
        async with chat(second.ws_url, eve) as e:
            with pytest.raises(CommandRefused) as refused:
                await e.command("joinRoom", roomId=room_id)
        assert refused.value.code == "room_not_found"


@pytest.mark.gen_test
async def test_an_archived_room_is_read_and_not_written(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room_id = ada.make_room()["id"]
    bob.join(room_id)
    message = bob.post(room_id, "before", clientId="one")
    change(ada, room_id, archived=True)
    sent = bob.call("POST", "/messages", {"roomId": room_id, "content": "?"})
    assert (sent.status, sent.code) == (403, "forbidden")
    again = bob.call("POST", "/messages", {"roomId": room_id, "content": "before", "clientId": "one"})
    assert (again.status, again.json["duplicate"], again.json["message"]["id"]) == (200, True, message["id"])
    assert eve.call("POST", f"/rooms/{room_id}/join").code == "forbidden"
    assert ada.call("POST", f"/rooms/{room_id}/members", {"userId": eve.id}).code == "forbidden"
    assert ada.call("PATCH", f"/rooms/{room_id}", {"name": "Other"}).code == "forbidden"
    assert bob.call("GET", "/messages", roomId=room_id).json["messages"][0]["id"] == message["id"]
    async with chat(server.ws_url, bob) as b, chat(server.ws_url, eve) as e:
        await b.command("joinRoom", roomId=room_id)
        for one, event, more in (
            (b, "sendMessage", {"content": "?"}),
            (b, "startTyping", {}),
            (e, "joinRoom", {}),
        ):
            with pytest.raises(CommandRefused) as refused:
                await one.command(event, roomId=room_id, **more)
            assert (event, refused.value.code) == (event, "forbidden")
        assert (await b.command("messageRead", roomId=room_id, seq=1))["readSeq"] == 1
    change(ada, room_id, archived=False)
    assert eve.call("POST", f"/rooms/{room_id}/join").status == 200


@pytest.mark.gen_test
async def test_slow_mode_says_when_to_come_back_and_lets_moderators_and_retries_pass(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room_id = ada.make_room()["id"]
    bob.join(room_id)
    change(ada, room_id, slowModeS=600)
    assert bob.post(room_id, "first", clientId="one")["seq"] == 1
    refused = bob.call("POST", "/messages", {"roomId": room_id, "content": "second"})
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 500 < int(refused.headers["retry-after"]) <= 600
    retry = bob.call("POST", "/messages", {"roomId": room_id, "content": "first", "clientId": "one"})
    assert (retry.status, retry.json["duplicate"]) == (200, True)
    async with chat(server.ws_url, bob) as b:
        with pytest.raises(CommandRefused) as error:
            await b.command("sendMessage", roomId=room_id, content="second")
        assert error.value.code == "rate_limited"
        assert 500 < error.value.data["retryAfter"] <= 600
    assert [ada.post(room_id, "as many")["seq"], ada.post(room_id, "as I like")["seq"]] == [2, 3]
    change(ada, room_id, slowModeS=0)
    assert bob.post(room_id, "second")["seq"] == 4
