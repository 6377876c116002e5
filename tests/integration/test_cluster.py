"""Several processes that are one chat server: one store, one Redis, and whoever connects to whichever of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from monitor.hooks import Observer
from store import mongo, sqlite
from store.contract import Store
from store.models import MessageDraft, Stored
from tests.integration.conftest import JWT, Processes, StoreEnv, also_at, embedded
from tests.support.client import Chat, call, chat, register
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, command, free_port, serving
from tests.support.waiting import until


def seqs(one: Chat) -> list[int]:
    return [message["seq"] for message in one.named("receiveMessage")]


@pytest.mark.gen_test
async def test_what_one_process_takes_the_connections_of_the_other_see(start_two: Callable[..., Processes]) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        assert (await a.one("userJoined"))["userId"] == bob.user["id"]
        for number in range(20):
            await (a, b)[number % 2].command("sendMessage", roomId=room, content=f"text {number}")
        for one in (a, b):
            await one.until(lambda one=one: len(seqs(one)) == 20)
            assert seqs(one) == list(range(1, 21))
        await b.command("startTyping", roomId=room)
        assert (await a.one("typingStatus"))["userId"] == bob.user["id"]
        await b.command("updatePresence", status="busy")
        assert (await a.one("presenceUpdate"))["status"] == "busy"
        presence = await a.command("getPresence", roomId=room)
        assert {one["userId"]: one["status"] for one in presence["online"]} == {ada.user["id"]: "online", bob.user["id"]: "busy"}
        b.events.clear()
        ada.call("POST", f"/rooms/{room}/members", {"userId": register(first.url).user["id"]})
    assert call(first.url, "GET", "/health").json["cache"] == "redis"


@embedded
@pytest.mark.gen_test
async def test_a_person_who_comes_and_goes_is_told_of_once_whatever_process_they_are_on(start_two: Callable[..., Processes]) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, ada) as also_a:
        for one in (a, also_a):
            await one.command("joinRoom", roomId=room)
        async with chat(second.ws_url, bob), chat(first.ws_url, bob):
            for one in (a, also_a):
                await one.one("userJoined")
        for one in (a, also_a):
            await one.one("userLeft")
            about = [(name, data["userId"]) for name in ("userJoined", "userLeft") for data in one.named(name)]
            assert about == [("userJoined", bob.user["id"]), ("userLeft", bob.user["id"])]


@embedded
@pytest.mark.gen_test
async def test_the_cap_on_a_persons_connections_holds_over_all_processes(start_two: Callable[..., Processes]) -> None:
    first, second = start_two(WS_MAX_CONNECTIONS_PER_USER="2")
    ada = register(first.url)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, ada):
        await a.one("welcome")
        for server in (first, second):
            async with chat(server.ws_url, ada) as third:
                assert await third.closed() == 4429
        replaced = (await a.one("welcome"))["connectionId"]
        async with chat(second.ws_url, ada, replaces=replaced) as instead:
            assert (await instead.one("welcome"))["user"]["id"] == ada.user["id"]
            assert await a.closed() == 4409


@pytest.mark.gen_test
async def test_a_logout_a_new_password_and_a_removal_act_on_every_process(start_two: Callable[..., Processes]) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(second.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room)
        assert also_at(bob, first).call("POST", f"/rooms/{room}/leave").status == 204
        assert (await b.one("roomClosed"))["roomId"] == room
        assert also_at(bob, first).call("POST", "/auth/logout").status == 204
        assert await b.closed() == 4403
    for server in (first, second):
        assert also_at(bob, server).call("GET", "/auth/profile").code == "unauthorized"


@embedded
@pytest.mark.gen_test
async def test_who_was_on_a_process_that_is_killed_is_gone_within_15_s_and_its_seats_are_free(start_two: Callable[..., Processes]) -> None:
    first, second = start_two(WS_MAX_CONNECTIONS_PER_USER="1")
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        while (await a.command("getPresence", roomId=room))["onlineCount"] < 2:
            await asyncio.sleep(0.02)  # the poll's pace
        began = time.monotonic()
        second.kill()
        await b.closed()
        await a.one("userLeft", 60)
        assert time.monotonic() - began > 5, "a process is not declared dead at once"
        async with chat(first.ws_url, bob) as again:
            assert (await again.one("welcome"))["user"]["id"] == bob.user["id"]
        second.start()


@embedded
@pytest.mark.gen_test
async def test_who_comes_back_to_another_process_when_theirs_is_restarted_was_never_gone(start_two: Callable[..., Processes]) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await until(lambda: ada.call("GET", f"/rooms/{room}").json["room"]["onlineCount"] == 2)
        await a.command("joinRoom", roomId=room)
        stopping = asyncio.ensure_future(asyncio.to_thread(second.terminate))
        assert await b.closed() == 1012
        async with chat(first.ws_url, bob) as again:
            await again.command("joinRoom", roomId=room)
            assert await stopping == 0
            second.start()
            await asyncio.sleep(12)  # as long as a process is waited for
            assert a.named("userLeft") == a.named("userJoined") == []
            assert (await a.command("getPresence", roomId=room))["onlineCount"] == 2
        await a.one("userLeft")
    assert "process gone" not in first.log()


async def restart(redis: RedisServer) -> None:
    await asyncio.to_thread(redis.restart)


async def flush(redis: RedisServer) -> None:
    redis.ask("FLUSHALL")


async def stop_for_ten_seconds(redis: RedisServer) -> None:
    redis.pause()
    await asyncio.sleep(10)  # the fault is ten seconds of standstill
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


@embedded
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.gen_test
async def test_whatever_becomes_of_redis_nothing_is_lost_doubled_or_out_of_order(
    start_two: Callable[..., Processes], redis: RedisServer, fault: str
) -> None:
    first, second = start_two(REDIS_TIMEOUT="250")
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        for one in (a, b):
            await one.command("joinRoom", roomId=room)
        over = asyncio.Event()
        slowest = 0.0

        async def send(one: Chat) -> list[str]:
            nonlocal slowest
            ids = []
            while not over.is_set():
                began = time.monotonic()
                ids.append((await one.command("sendMessage", roomId=room, content="x"))["message"]["id"])
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.005)  # the load's pace
            return ids

        sending = [asyncio.ensure_future(send(one)) for one in (a, b)]
        await a.until(lambda: len(seqs(a)) > 50, 30)
        await FAULTS[fault](redis)
        healed_at = time.monotonic()
        marker = (await a.command("sendMessage", roomId=room, content="after it"))["message"]["seq"]
        await b.until(lambda: marker in seqs(b)[-500:], 30)
        assert time.monotonic() - healed_at < 25
        await asyncio.sleep(1)  # some traffic after it
        over.set()
        total = sum(map(len, await asyncio.gather(*sending))) + 1
        for one in (a, b):
            await one.until(lambda one=one: len(seqs(one)) == total, 30)
            assert seqs(one) == list(range(1, total + 1))
        assert slowest < 9, "nothing waits as long as Redis is away"
        for server in (first, second):
            newest = also_at(ada, server).call("GET", "/messages", roomId=room, limit=2).json["messages"]
            assert [message["seq"] for message in newest] == [total - 1, total]
        await b.command("updatePresence", status="busy")
        await a.until(lambda: a.named("presenceUpdate"), 30)


# ---- what is not told --------------------------------------------------------------------------------------------


@asynccontextmanager
async def store_of(server: ServerProcess, env: Mapping[str, str]) -> AsyncIterator[Store]:
    """The servers' store, written to as by a process that dies before it tells anybody."""
    timeless = {"timeout_s": 60.0, "group_commit": True, "observer": Observer(), "now_ms": lambda: time.time_ns() // 1_000_000}
    if "MONGO_URI" in env:
        store = await mongo.open_store(mongo.MongoOptions(uri=env["MONGO_URI"], db_name=env["MONGO_DB_NAME"]), **timeless)
        try:
            yield store
        finally:
            await store.close()
    else:
        with sqlite.DirectoryLock(server.data_dir, shared=True):
            store = await sqlite.open_store(server.data_dir, shared=True, **timeless)
            try:
                yield store
            finally:
                await store.close()


@pytest.mark.gen_test
async def test_what_a_process_stored_and_died_before_it_told_is_seen_by_all(
    start_two: Callable[..., Processes], store_env: StoreEnv
) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    ada.post(room, "told")
    for server in (first, second):
        assert len(also_at(ada, server).call("GET", "/messages", roomId=room).json["messages"]) == 1, "it is in the cache now"
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b, store_of(first, store_env(first.data_dir)) as store:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        draft = MessageDraft(ada.user["id"], ada.user["username"], "untold", "c-untold")
        assert isinstance((await store.messages.append(room, [draft]))[0], Stored)
        for one in (a, b):
            await one.until(lambda one=one: "untold" in [message["content"] for message in one.named("receiveMessage")], 30)
        message_id = a.named("receiveMessage")[-1]["id"]
        await store.messages.edit(message_id, "edited, untold")
        for one in (a, b):
            await one.until(lambda one=one: one.named("messageEdited"), 30)


@pytest.mark.gen_test
async def test_a_cached_page_that_a_dead_process_left_behind_is_not_believed(
    start_two: Callable[..., Processes], store_env: StoreEnv
) -> None:
    first, second = start_two()
    ada = register(first.url)
    room = ada.make_room()["id"]
    ada.post(room, "told")
    assert len(also_at(ada, second).call("GET", "/messages", roomId=room).json["messages"]) == 1
    async with store_of(first, store_env(first.data_dir)) as store:
        await store.messages.append(room, [MessageDraft(ada.user["id"], ada.user["username"], "untold", "c-untold")])
    for server in (first, second):
        shown = also_at(ada, server).call("GET", "/messages", roomId=room).json["messages"]
        assert [message["content"] for message in shown] == ["told", "untold"]


@embedded
@pytest.mark.gen_test
async def test_while_redis_is_away_messages_removals_and_logouts_are_heard_within_5_s(
    start_two: Callable[..., Processes], redis: RedisServer
) -> None:
    first, second = start_two()
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        redis.stop()
        for number in range(10):
            await a.command("sendMessage", roomId=room, content=f"text {number}")
        await b.until(lambda: len(seqs(b)) == 10, 30)
        assert seqs(b) == list(range(1, 11))
        assert also_at(bob, first).call("POST", f"/rooms/{room}/leave").status == 204
        assert (await b.one("roomClosed", 30))["roomId"] == room
        await a.command("sendMessage", roomId=room, content="not for bob")
        assert also_at(bob, first).call("POST", "/auth/logout").status == 204
        assert also_at(bob, second).call("GET", "/auth/profile").code == "unauthorized"
        assert await b.closed() == 4403
        assert len(seqs(b)) == 10


# ---- what an operator sees ---------------------------------------------------------------------------------------


@embedded
@pytest.mark.gen_test
async def test_redis_away_shows_in_the_caches_health_and_nowhere_else(start_two: Callable[..., Processes], redis: RedisServer) -> None:
    first, second = start_two()
    ada = register(first.url)
    room = ada.make_room()["id"]
    for _ in range(3):
        assert ada.call("GET", "/messages", roomId=room).status == 200
    told = call(first.url, "GET", "/metrics/cache").json
    assert told["backend"]["backend"] == "redis"
    assert told["backend"]["clients"] >= 4
    assert (told["kinds"]["page"]["hits"], told["kinds"]["page"]["misses"]) == (2, 1)
    assert call(first.url, "GET", "/health/cache").json["status"] == "healthy"
    redis.stop()
    await until(lambda: call(first.url, "GET", "/health/cache").status == 503)
    began = time.monotonic()
    assert ada.call("GET", "/messages", roomId=room).status == 200
    ada.post(room, "hello")
    assert also_at(ada, second).call("GET", "/messages", roomId=room).json["messages"][0]["content"] == "hello"
    assert time.monotonic() - began < 10
    assert call(first.url, "GET", "/health/ready").status == 200
    redis.start()
    await until(lambda: call(first.url, "GET", "/health/cache").json["status"] == "healthy")
    assert first.log().count("redis connection=commands is=gone") >= 2, "a line of each process, into one log"


@pytest.mark.gen_test
async def test_down_at_the_start_redis_is_used_when_it_comes(tmp_path: Path, store_env: StoreEnv, redis: RedisServer) -> None:
    redis.stop()
    data_dir = tmp_path / "data"
    with serving(data_dir, {**store_env(data_dir), **redis.env, **JWT, "REDIS_PASSWORD": "hunter2"}) as server:
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
async def test_a_process_without_redis_is_kept_from_the_store_of_several_and_they_from_its_own(
    tmp_path: Path, store_env: StoreEnv, redis: RedisServer
) -> None:
    data_dir = tmp_path / "data"
    alone = {"DATA_DIR": str(data_dir), **store_env(data_dir), **JWT}
    together = {**alone, **redis.env}
    for holder, refused in ((together, alone), (alone, together)):
        with serving(data_dir, holder) as server:
            run = await asyncio.to_thread(command, "serve", "--port", str(free_port()), env=refused)
            assert (run.returncode, "in use by another process" in run.stderr) == (1, True), run.stderr
            assert call(server.url, "GET", "/health/ready").status == 200


@pytest.mark.gen_test
async def test_check_tells_of_redis(tmp_path: Path, redis: RedisServer) -> None:
    env = {"DATA_DIR": str(tmp_path / "data"), **redis.env}
    assert "ok   redis: Redis " in command("check", env=env).stdout
    redis.stop()
    assert "FAIL redis: " in (run := command("check", env=env)).stdout
    assert run.returncode == 1
