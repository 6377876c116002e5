"""A wall clock that is set back: the timers of a running server are not affected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Processes, Start, embedded
from tests.support.client import call, chat, person_at, register
from tests.support.clock_jumps import FakeWallClock
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

pytestmark = embedded

BACK_S = -600  # a timer on the wall clock would not fire for ten minutes
WITHIN_S = 90.0


@pytest.mark.gen_test(timeout=600)
async def test_pings_and_their_timeout_typing_and_the_end_of_a_token_come_in_time(start: Start, tmp_path: Path) -> None:
    clock = FakeWallClock(tmp_path / "clock")
    server = start(**clock.env, WS_PING_INTERVAL="1", WS_PING_TIMEOUT="6", JWT_EXPIRES_IN="25")
    ada, ben = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    ben.join(room)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, ben) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        await a.command("startTyping", roomId=room)
        await b.until(lambda: [event["isTyping"] for event in b.named("typingStatus")] == [True])
        with RawWebSocket(server.port, token=ada.access_token) as silent:
            clock.move(BACK_S)
            silent.socket.settimeout(WITHIN_S)
            opcodes = []
            while not opcodes or opcodes[-1] != 8:
                opcode, payload = await asyncio.to_thread(silent.read_frame)
                opcodes.append(opcode)
            assert 9 in opcodes, "it was pinged"
            assert int.from_bytes(payload[:2], "big") == 4408
        await b.until(lambda: [event["isTyping"] for event in b.named("typingStatus")] == [True, False], WITHIN_S)
        assert await a.closed(WITHIN_S) == 4401
        assert await b.closed(WITHIN_S) == 4401


@pytest.mark.gen_test(timeout=600)
async def test_a_token_that_is_renewed_after_a_step_ends_when_it_says(start: Start, tmp_path: Path) -> None:
    clock = FakeWallClock(tmp_path / "clock")
    server = start(**clock.env, JWT_EXPIRES_IN="8")
    ada = register(server.url)
    async with chat(server.ws_url, ada) as a:
        await a.one("welcome")  # its token was checked
        clock.move(-BACK_S)  # by the wall clock its token has expired; by its lifetime it has not
        renewed = call(server.url, "POST", "/auth/refresh", {"refreshToken": ada.refresh_token}).json["accessToken"]
        await a.command("authenticate", token=renewed)
        clock.move(0)
        assert await a.closed(WITHIN_S) == 4401


@pytest.mark.slow
@pytest.mark.gen_test(timeout=600)
async def test_heads_are_compared_and_the_dead_are_found(
    start_two_servers: Callable[..., Processes], redis: RedisServer, tmp_path: Path
) -> None:
    clock = FakeWallClock(tmp_path / "clock")
    first, second = start_two_servers(**clock.env)
    ada, ben = register(first.url), register(first.url)
    room = ada.make_room()["id"]
    ben.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, person_at(ben, second)) as b:
        await b.command("joinRoom", roomId=room)
        await a.command("joinRoom", roomId=room)

        async def is_online() -> bool:
            presence = await a.command("getPresence", roomId=room)
            return ben.id in {one["userId"] for one in presence["online"]}

        while not await is_online():
            await asyncio.sleep(0.03)  # the poll's pace
        clock.move(BACK_S)
        redis.stop()
        await asyncio.to_thread(person_at(ada, second).post, room, "nobody tells the others of this one")
        await a.until(lambda: [event["seq"] for event in a.named("receiveMessage")] == [1], WITHIN_S)
        redis.start()
        await until(lambda: call(first.url, "GET", "/health/cache").json["status"] == "healthy", WITHIN_S)
        while not await is_online():
            await asyncio.sleep(0.03)  # the poll's pace
        second.kill()
        async with asyncio.timeout(WITHIN_S):
            while await is_online():
                await asyncio.sleep(0.1)  # the poll's pace
