"""A deleted room from outside: it is gone for everybody, on every process, and everybody in it hears of that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.conftest import Processes
from tests.support.client import CommandRefused, Person, chat, person_at, register
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess


def refusals_of(person: Person, room_id: str, message_id: str) -> set[tuple[int, str]]:
    """What every operation on the room says."""
    path = f"/rooms/{room_id}"
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", path, None),
        ("PATCH", path, {"name": "Other"}),
        ("DELETE", path, None),
        ("POST", f"{path}/join", None),
        ("POST", f"{path}/leave", None),
        ("GET", f"{path}/members", None),
        ("POST", f"{path}/members", {"userId": person.id}),
        ("GET", f"{path}/stats", None),
        ("GET", f"{path}/changes", None),
        ("GET", f"/messages?roomId={room_id}", None),
        ("POST", "/messages", {"roomId": room_id, "content": "?"}),
    ]
    replies = [person.call(method, target, body) for method, target, body in requests]
    assert person.call("GET", f"/messages/{message_id}").code == "message_not_found"
    return {(reply.status, reply.code) for reply in replies}


def test_an_owner_deletes_a_room_and_nobody_finds_it_again(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room_id = ada.make_room(name="Short-lived")["id"]
    bob.join(room_id)
    message = bob.post(room_id, "unrepeatable", clientId="one")
    for person, code in ((bob, "forbidden"), (eve, "not_member")):
        assert person.call("DELETE", f"/rooms/{room_id}").code == code
    reply = ada.call("DELETE", f"/rooms/{room_id}")
    assert (reply.status, reply.body) == (204, b"")
    for person in (ada, bob, eve):
        assert refusals_of(person, room_id, message["id"]) == {(404, "room_not_found")}
        assert room_id not in [room["id"] for room in person.call("GET", "/rooms", q="Short-lived").json["rooms"]]
    assert bob.call("GET", "/rooms", mine="true").json["rooms"] == []
    assert bob.call("GET", "/messages/search", q="unrepeatable").json["messages"] == []


def test_a_direct_room_and_a_strangers_private_room_are_not_deleted(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    direct = ada.call("POST", "/rooms/direct", {"userId": bob.id}).json["room"]["id"]
    private = ada.make_room(isPrivate=True)["id"]
    assert ada.call("DELETE", f"/rooms/{direct}").code == "forbidden"
    assert eve.call("DELETE", f"/rooms/{private}").code == "room_not_found"
    assert eve.call("DELETE", "/rooms/nowhere").code == "room_not_found"
    assert eve.call("DELETE", f"/rooms/{'x' * 300}").code == "room_not_found"


@pytest.mark.gen_test
async def test_everybody_who_was_in_a_deleted_room_hears_of_it_on_every_process(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room_id = ada.make_room()["id"]
    bob.join(room_id)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b, chat(first.ws_url, bob) as also_b:
        await a.command("joinRoom", roomId=room_id)
        await b.command("joinRoom", roomId=room_id)
        await also_b.one("welcome")
        await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room_id}")
        for one in (a, b, also_b):
            assert await one.one("roomClosed") == {"roomId": room_id, "reason": "deleted"}
            with pytest.raises(CommandRefused) as refused:
                await one.command("joinRoom", roomId=room_id)
            assert refused.value.code == "room_not_found"
            with pytest.raises(CommandRefused) as refused:
                await one.command("sendMessage", roomId=room_id, content="?")
            assert refused.value.code == "room_not_found"
        assert [len(one.named("roomClosed")) for one in (a, b, also_b)] == [1, 1, 1]
    assert person_at(bob, first).call("GET", f"/rooms/{room_id}").code == "room_not_found"


@pytest.mark.gen_test
async def test_a_process_that_is_cut_off_finds_that_a_room_was_deleted(
    two_servers: Processes, shared_redis: RedisServer
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room_id = ada.make_room()["id"]
    bob.join(room_id)
    async with chat(second.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room_id)
        await asyncio.to_thread(shared_redis.stop)
        assert (await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room_id}")).status == 204
        assert await b.one("roomClosed") == {"roomId": room_id, "reason": "deleted"}
        await asyncio.to_thread(shared_redis.start)
