"""Two processes whose Redis is restarted, flushed, stopped, full, garbled or gone: no data are lost, and health reports
it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.conftest import JWT, TWO_SERVERS_ENV, Processes, embedded_store, restore_all, start_two_processes
from tests.support.client import ChatConnection, call, chat, person_at, register
from tests.support.redis_server import RedisServer, running_redis
from tests.support.server import ServerProcess, command, serving
from tests.support.waiting import until

store_env = embedded_store  # what is tested here is between processes and Redis


@pytest.fixture(scope="module")
def impatient_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_impatient_servers(
    tmp_path_factory: pytest.TempPathFactory, impatient_redis: RedisServer
) -> Iterator[Processes]:
    data_dir = tmp_path_factory.mktemp("impatient") / "data"
    with ExitStack() as stack:
        yield start_two_processes(stack, data_dir, {**TWO_SERVERS_ENV, **impatient_redis.env, "REDIS_TIMEOUT": "250"})


@pytest.fixture
def impatient_servers(shared_impatient_servers: Processes, impatient_redis: RedisServer) -> Processes:
    """Two processes that wait for Redis for 250 ms, less than those of the other tests."""
    restore_all(shared_impatient_servers, impatient_redis)
    return shared_impatient_servers


async def restart(redis: RedisServer) -> None:
    await asyncio.to_thread(redis.restart)


async def flush(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")


async def stop_for_ten_seconds(redis: RedisServer) -> None:
    redis.pause()
    await asyncio.sleep(10)  # the fault: Redis is paused for ten seconds
    redis.resume()


async def change_the_password(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "requirepass", "another")
    redis.ask("CLIENT", "KILL", "TYPE", "normal")
    redis.arguments = ("--requirepass", "another")
    await asyncio.sleep(2)  # the fault lasts so long
    redis.arguments = ()
    await asyncio.to_thread(redis.restart)


async def fill_the_memory(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    await asyncio.sleep(2)  # the fault lasts so long
    redis.ask("CONFIG", "SET", "maxmemory", "0")


async def garble(redis: RedisServer) -> None:
    script = """
      local kinds = {'SET', 'LPUSH', 'HSET'}
      for number, key in ipairs(redis.call('KEYS', '*')) do
        local kind = kinds[number % 3 + 1]
        redis.call('DEL', key)
        if kind == 'HSET' then redis.call('HSET', key, 'what', 'ever') else redis.call(kind, key, 'garbage') end
      end
      redis.call('PUBLISH', ARGV[1], 'garbage')
      return 1"""
    redis.ask("EVAL", script, "0", "chat:1:0:all")


FAULTS = {
    "it is restarted": restart,
    "it is flushed": flush,
    "it is stopped for ten seconds": stop_for_ten_seconds,
    "its password is changed": change_the_password,
    "its memory is full": fill_the_memory,
    "garbage stands under all keys": garble,
}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=[pytest.mark.slow] * (fault is stop_for_ten_seconds), id=name)
        for name, fault in FAULTS.items()
    ],
)
@pytest.mark.gen_test
async def test_whatever_becomes_of_redis_nothing_is_lost_doubled_or_out_of_order(
    impatient_servers: Processes, impatient_redis: RedisServer, fault: Callable[[RedisServer], Awaitable[None]]
) -> None:
    first, second = impatient_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        for one in (a, b):
            await one.command("joinRoom", roomId=room)
        over = asyncio.Event()
        slowest = 0.0

        async def send(one: ChatConnection) -> list[str]:
            nonlocal slowest
            ids = []
            while not over.is_set():
                began = time.monotonic()
                ids.append((await one.command("sendMessage", roomId=room, content="x"))["message"]["id"])
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.005)  # the load's pace
            return ids

        sending = [asyncio.ensure_future(send(one)) for one in (a, b)]
        await a.until(lambda: len(a.seqs) > 30, 30)
        await fault(impatient_redis)
        healed_at = time.monotonic()
        marker = (await a.command("sendMessage", roomId=room, content="after it"))["message"]["seq"]
        await b.until(lambda: marker in b.seqs[-500:], 30)
        assert time.monotonic() - healed_at < 25
        await b.until(lambda: b.seqs[-1] > marker + 50, 30)  # some traffic after the fault
        over.set()
        total = sum(map(len, await asyncio.gather(*sending))) + 1
        for one in (a, b):
            await one.until(lambda one=one: len(one.seqs) == total, 30)
            assert one.seqs == list(range(1, total + 1))
        assert slowest < 9, "nothing waits as long as Redis is away"
        for server in (first, second):
            newest = person_at(ada, server).call("GET", "/messages", roomId=room, limit=2).json["messages"]
            assert [message["seq"] for message in newest] == [total - 1, total]
        await b.command("updatePresence", status="busy")
        await a.until(lambda: a.named("presenceUpdate"), 30)


@pytest.mark.gen_test
async def test_while_redis_is_away_messages_removals_and_logouts_are_heard_within_5_s(
    two_servers: Processes, shared_redis: RedisServer
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        shared_redis.stop()
        for number in range(10):
            await a.command("sendMessage", roomId=room, content=f"text {number}")
        await b.until(lambda: len(b.seqs) == 10, 30)
        assert b.seqs == list(range(1, 11))
        assert person_at(bob, first).call("POST", f"/rooms/{room}/leave").status == 204
        assert (await b.one("roomClosed", 30))["roomId"] == room
        await a.command("sendMessage", roomId=room, content="not for bob")
        assert person_at(bob, first).call("POST", "/auth/logout").status == 204
        assert person_at(bob, second).call("GET", "/auth/profile").code == "unauthorized"
        assert await b.closed() == 4403
        assert len(b.seqs) == 10


# ---- what an operator sees ---------------------------------------------------------------------------------------


def page_reads(server: ServerProcess) -> Counter[str]:
    metrics = call(server.url, "GET", "/metrics/cache").json["kinds"].get("page", {})
    return Counter({name: metrics.get(name, 0) for name in ("hits", "misses")})


@pytest.mark.gen_test
async def test_redis_away_shows_in_the_caches_health_and_nowhere_else(
    two_servers: Processes, shared_redis: RedisServer
) -> None:
    first, second = two_servers
    logged = len(first.log())
    ada = register(first.url)
    room = ada.make_room()["id"]
    before = page_reads(first)
    for _ in range(3):
        assert ada.call("GET", "/messages", roomId=room).status == 200
    metrics = call(first.url, "GET", "/metrics/cache").json
    assert metrics["backend"]["backend"] == "redis"
    assert metrics["backend"]["clients"] >= 4
    assert page_reads(first) - before == Counter(hits=2, misses=1)
    assert call(first.url, "GET", "/health/cache").json["status"] == "healthy"
    shared_redis.stop()
    await until(lambda: call(first.url, "GET", "/health/cache").status == 503)
    began = time.monotonic()
    assert ada.call("GET", "/messages", roomId=room).status == 200
    ada.post(room, "hello")
    assert person_at(ada, second).call("GET", "/messages", roomId=room).json["messages"][0]["content"] == "hello"
    assert time.monotonic() - began < 10
    assert call(first.url, "GET", "/health/ready").status == 200
    shared_redis.start()
    await until(lambda: call(first.url, "GET", "/health/cache").json["status"] == "healthy")
    assert first.log()[logged:].count("redis connection=commands is=gone") >= 2, "a line of each process, into one log"


@pytest.mark.gen_test
async def test_down_at_the_start_redis_is_used_when_it_comes(tmp_path: Path, redis: RedisServer) -> None:
    redis.stop()
    data_dir = tmp_path / "data"
    with serving(data_dir, {**redis.env, **JWT, "REDIS_PASSWORD": "hunter2"}) as server:
        ada = register(server.url)
        room = ada.make_room()["id"]
        async with chat(server.ws_url, ada) as a:
            await a.command("joinRoom", roomId=room)
            await a.command("sendMessage", roomId=room, content="x")
            await a.one("receiveMessage")
            redis.arguments = ("--requirepass", "hunter2")
            redis.start()
            await until(lambda: call(server.url, "GET", "/health/cache").json["status"] == "healthy")
        assert "hunter2" not in server.log()


@pytest.mark.gen_test
async def test_check_tells_of_redis(tmp_path: Path, redis: RedisServer) -> None:
    env = {"DATA_DIR": str(tmp_path / "data"), **redis.env}
    assert "ok   redis: Redis " in command("check", env=env).stdout
    redis.stop()
    assert "FAIL redis: " in (run := command("check", env=env)).stdout
    assert run.returncode == 1
