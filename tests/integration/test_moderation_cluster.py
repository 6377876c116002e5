"""What moderators do acts on every process: within a second, and within five while they cannot hear each other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.conftest import Processes, until_redis_is_connected
from tests.support.client import ChatConnection, CommandRefused, chat, person_at, register
from tests.support.machine_stalls import ending_within
from tests.support.redis_server import RedisServer

CUT_OFF_S = 5.0


def later() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


async def refusal(connection: ChatConnection, room: str) -> str | None:
    """The code with which a message is refused, None if it is stored."""
    try:
        await connection.command("sendMessage", roomId=room, content="may I?")
    except CommandRefused as refused:
        return refused.code
    return None


@pytest.mark.gen_test
async def test_a_role_a_mute_and_a_removal_act_on_every_process_at_once(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    path = f"/rooms/{room}/members/{bob.id}"
    async with chat(second.ws_url, bob) as b, chat(first.ws_url, bob) as also_b:
        await b.command("joinRoom", roomId=room)
        await b.command("startTyping", roomId=room)
        assert ada.call("PATCH", path, {"mutedUntil": later()}).status == 200
        for one in (b, also_b):
            assert (await one.one("roomUpdated"))["room"]["mutedUntil"] is not None
            for command in ("sendMessage", "startTyping"):
                with pytest.raises(CommandRefused) as refused:
                    await one.command(command, roomId=room, content="muted")
                assert refused.value.code == "muted"
        ada.call("PATCH", path, {"mutedUntil": None, "ignored": 1})
        ada.call("PATCH", path, {"role": "moderator"})
        for one in (b, also_b):
            await one.until(lambda one=one: len(one.named("roomUpdated")) == 3)
            told = [(data["room"]["role"], data["room"]["mutedUntil"] is None) for data in one.named("roomUpdated")]
            assert told == [("member", False), ("member", True), ("moderator", True)]
        assert person_at(bob, first).call("PATCH", f"/rooms/{room}/members/{ada.id}", {"role": "member"}).status == 403
        assert await refusal(b, room) is None
        with ending_within(1.0):
            assert ada.call("DELETE", path).status == 204
            for one in (b, also_b):
                assert await one.one("roomClosed") == {"roomId": room, "reason": "removed"}
        assert await refusal(b, room) == "not_member"
        assert person_at(bob, second).call("GET", f"/rooms/{room}/members").code == "not_member"


@pytest.mark.gen_test
async def test_processes_that_are_cut_off_find_a_mute_and_a_removal(
    two_servers: Processes, shared_redis: RedisServer
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    path = f"/rooms/{room}/members/{bob.id}"
    async with chat(second.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room)
        await b.command("startTyping", roomId=room)
        await asyncio.to_thread(shared_redis.stop)
        assert (await asyncio.to_thread(ada.call, "PATCH", path, {"mutedUntil": later()})).status == 200
        assert await refusal(b, room) == "muted"

        async def is_typing_refused() -> bool:
            try:
                await b.command("startTyping", roomId=room)
            except CommandRefused as refused:
                return refused.code == "muted"
            return False

        with ending_within(CUT_OFF_S):
            while not await is_typing_refused():
                await asyncio.sleep(0.1)
        with ending_within(CUT_OFF_S):
            assert (await asyncio.to_thread(ada.call, "DELETE", path)).status == 204
            assert (await b.one("roomClosed"))["roomId"] == room
        assert (await asyncio.to_thread(ada.call, "POST", f"/rooms/{room}/bans/{bob.id}", {})).status == 201
        with pytest.raises(CommandRefused) as refused:
            await b.command("joinRoom", roomId=room)
        assert refused.value.code == "banned"
        await asyncio.to_thread(shared_redis.start)


@pytest.mark.gen_test
async def test_a_process_that_is_cut_off_finds_a_ban_and_tells_every_connection_the_reason(
    two_servers: Processes, shared_redis: RedisServer
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(second.ws_url, bob) as b, chat(second.ws_url, bob) as also_b:
        await b.command("joinRoom", roomId=room)
        await also_b.command("heartbeat")
        await asyncio.to_thread(shared_redis.stop)
        with ending_within(CUT_OFF_S):
            assert (await asyncio.to_thread(ada.call, "POST", f"/rooms/{room}/bans/{bob.id}", {})).status == 201
            for one in (b, also_b):
                assert await one.one("roomClosed") == {"roomId": room, "reason": "banned"}
        await asyncio.to_thread(shared_redis.start)
        await asyncio.to_thread(until_redis_is_connected, first, second)
        for one in (b, also_b):
            await one.command("heartbeat")
            assert len(one.named("roomClosed")) == 1


@pytest.mark.gen_test
async def test_of_a_ban_and_a_message_on_two_processes_all_see_one_order(two_servers: Processes) -> None:
    first, second = two_servers
    ada = register(first.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, ada) as also_a:
        for one in (a, also_a):
            await one.command("joinRoom", roomId=room)
        stored = 0
        for _ in range(5):
            bob = register(second.url)
            bob.join(room)
            async with chat(second.ws_url, bob) as b:
                await b.command("joinRoom", roomId=room)
                ban = asyncio.to_thread(ada.call, "POST", f"/rooms/{room}/bans/{bob.id}", {})
                code, reply = await asyncio.gather(refusal(b, room), ban)
                assert (code, reply.status) in {(None, 201), ("banned", 201)}
                stored += code is None
                assert (await b.one("roomClosed"))["reason"] == "banned"
                assert await refusal(b, room) == "banned"
        ada.post(room, "the last")
        for one in (a, also_a):
            await one.until(lambda one=one: len(one.seqs) == stored + 1)
            assert one.seqs == list(range(1, stored + 2))
