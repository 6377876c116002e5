"""Several processes as one chat server: one store, one Redis, and clients connected to any of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from monitor.observer import Observer
from store import mongo, sqlite
from store.contract import Store
from store.models import MessageDraft, Stored
from tests.integration.conftest import JWT, Processes, Start, StoreEnv, embedded
from tests.support.actors import ADMIN
from tests.support.client import call, chat, person_at, register
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, command, free_port
from tests.support.waiting import until

CAP = 5  # the default of WS_MAX_CONNECTIONS_PER_USER


@pytest.mark.gen_test
async def test_what_one_process_takes_the_connections_of_the_other_see(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        assert (await a.one("userJoined"))["userId"] == bob.user["id"]
        for number in range(20):
            await (a, b)[number % 2].command("sendMessage", roomId=room, content=f"text {number}")
        for one in (a, b):
            await one.until(lambda one=one: len(one.seqs) == 20)
            assert one.seqs == list(range(1, 21))
        await b.command("startTyping", roomId=room)
        assert (await a.one("typingStatus"))["userId"] == bob.user["id"]
        await b.command("updatePresence", status="busy")
        assert (await a.one("presenceUpdate"))["status"] == "busy"
        presence = await a.command("getPresence", roomId=room)
        assert {one["userId"]: one["status"] for one in presence["online"]} == {
            ada.user["id"]: "online",
            bob.user["id"]: "busy",
        }
        b.events.clear()
        ada.call("POST", f"/rooms/{room}/members", {"userId": register(first.url).user["id"]})
    assert call(first.url, "GET", "/health").json["cache"] == "redis"


@embedded
@pytest.mark.gen_test
async def test_a_person_who_comes_and_goes_is_told_of_once_whatever_process_they_are_on(two_servers: Processes) -> None:
    first, second = two_servers
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
async def test_the_cap_on_a_persons_connections_holds_over_all_processes(two_servers: Processes) -> None:
    first, second = two_servers
    ada = register(first.url)
    async with AsyncExitStack() as stack:
        a, *others = [
            await stack.enter_async_context(chat(two_servers[number % 2].ws_url, ada)) for number in range(CAP)
        ]
        for one in (a, *others):
            await one.one("welcome")
        for server in (first, second):
            async with chat(server.ws_url, ada) as one_more:
                assert await one_more.closed() == 4429
        replaced = (await a.one("welcome"))["connectionId"]
        async with chat(second.ws_url, ada, replaces=replaced) as instead:
            assert (await instead.one("welcome"))["user"]["id"] == ada.user["id"]
            assert await a.closed() == 4409


@pytest.mark.gen_test
async def test_a_logout_a_new_password_and_a_removal_act_on_every_process(two_servers: Processes) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(second.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room)
        assert person_at(bob, first).call("POST", f"/rooms/{room}/leave").status == 204
        assert (await b.one("roomClosed"))["roomId"] == room
        assert person_at(bob, first).call("POST", "/auth/logout").status == 204
        assert await b.closed() == 4403
    for server in (first, second):
        assert person_at(bob, server).call("GET", "/auth/profile").code == "unauthorized"


@embedded
@pytest.mark.gen_test
async def test_who_was_on_a_process_that_is_killed_is_gone_within_15_s_and_its_slots_are_free(
    two_servers: Processes,
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, AsyncExitStack() as stack:
        taken = [await stack.enter_async_context(chat(second.ws_url, bob)) for _ in range(CAP)]
        for one in taken:
            await one.one("welcome")
        await a.command("joinRoom", roomId=room)
        while (await a.command("getPresence", roomId=room))["onlineCount"] < 2:
            await asyncio.sleep(0.02)  # the poll's pace
        began = time.monotonic()
        second.kill()
        for one in taken:
            await one.closed()
        await a.one("userLeft", 60)
        assert time.monotonic() - began > 5, "a process is not declared dead at once"
        async with chat(first.ws_url, bob) as again:
            assert (await again.one("welcome"))["user"]["id"] == bob.user["id"]


@embedded
@pytest.mark.slow
@pytest.mark.gen_test
async def test_who_comes_back_to_another_process_when_theirs_is_restarted_was_never_gone(
    two_servers: Processes,
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    logged = len(first.log())
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await until(lambda: ada.call("GET", f"/rooms/{room}").json["room"]["onlineCount"] == 2)
        await a.command("joinRoom", roomId=room)
        stopping = asyncio.ensure_future(asyncio.to_thread(second.terminate))
        assert await b.closed() == 1012
        async with chat(first.ws_url, bob) as again:
            await again.command("joinRoom", roomId=room)
            assert await stopping == 0
            second.start()
            await asyncio.sleep(12)  # longer than a silent process counts as alive
            assert a.named("userLeft") == a.named("userJoined") == []
            assert (await a.command("getPresence", roomId=room))["onlineCount"] == 2
        await a.one("userLeft")
    assert "process gone" not in first.log()[logged:]


# ---- what is not published --------------------------------------------------------------------------------------


@asynccontextmanager
async def store_of(server: ServerProcess, env: Mapping[str, str]) -> AsyncIterator[Store]:
    """The servers' store opened directly, to write as a process that is killed before it publishes the write."""
    timeless = {
        "timeout_s": 60.0,
        "group_commit": True,
        "observer": Observer(),
        "now_ms": lambda: time.time_ns() // 1_000_000,
    }
    if "MONGO_URI" in env:
        store = await mongo.open_store(
            mongo.MongoOptions(uri=env["MONGO_URI"], db_name=env["MONGO_DB_NAME"]), **timeless
        )
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
    two_servers: Processes, store_env: StoreEnv
) -> None:
    first, second = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    ada.post(room, "told")
    for server in (first, second):
        assert len(person_at(ada, server).call("GET", "/messages", roomId=room).json["messages"]) == 1, (
            "it is in the cache now"
        )
    async with (
        chat(first.ws_url, ada) as a,
        chat(second.ws_url, bob) as b,
        store_of(first, store_env(first.data_dir)) as store,
    ):
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        draft = MessageDraft(ada.user["id"], ada.user["username"], "untold", "c-untold")
        assert isinstance((await store.messages.append(room, [draft]))[0], Stored)
        for one in (a, b):
            await one.until(
                lambda one=one: "untold" in [message["content"] for message in one.named("receiveMessage")], 30
            )
        message_id = a.named("receiveMessage")[-1]["id"]
        await store.messages.edit(message_id, "edited, untold", actor=ADMIN)
        for one in (a, b):
            await one.until(lambda one=one: one.named("messageEdited"), 30)


@pytest.mark.gen_test
async def test_a_cached_page_that_a_dead_process_left_behind_is_not_believed(
    two_servers: Processes, store_env: StoreEnv
) -> None:
    first, second = two_servers
    ada = register(first.url)
    room = ada.make_room()["id"]
    ada.post(room, "told")
    assert len(person_at(ada, second).call("GET", "/messages", roomId=room).json["messages"]) == 1
    async with store_of(first, store_env(first.data_dir)) as store:
        await store.messages.append(room, [MessageDraft(ada.user["id"], ada.user["username"], "untold", "c-untold")])
    for server in (first, second):
        shown = person_at(ada, server).call("GET", "/messages", roomId=room).json["messages"]
        assert [message["content"] for message in shown] == ["told", "untold"]


# ---- alone, or together ------------------------------------------------------------------------------------------


def env_without_redis(server: ServerProcess) -> dict[str, str]:
    """The server's environment without Redis: a process with it needs the store for itself."""
    return {name: value for name, value in server.env.items() if not name.startswith("REDIS_")}


async def assert_start_is_refused(env: Mapping[str, str], holder: ServerProcess) -> None:
    run = await asyncio.to_thread(command, "serve", "--port", str(free_port()), env=env)
    assert (run.returncode, "in use by another process" in run.stderr) == (1, True), run.stderr
    assert call(holder.url, "GET", "/health/ready").status == 200


@pytest.mark.gen_test
async def test_a_process_without_redis_is_kept_from_the_store_of_several(two_servers: Processes) -> None:
    await assert_start_is_refused(env_without_redis(two_servers[0]), two_servers[0])


@pytest.mark.gen_test
async def test_several_are_kept_from_the_store_of_a_process_without_redis(
    start: Start, shared_redis: RedisServer
) -> None:
    server = start(**JWT)
    await assert_start_is_refused({**server.env, **shared_redis.env}, server)


@pytest.mark.slow
@pytest.mark.gen_test
async def test_where_several_were_one_alone_may_be(start: Start, tmp_path: Path, shared_redis: RedisServer) -> None:
    data_dir = tmp_path / "data"
    server = start(data_dir, **JWT, **shared_redis.env)
    together = server.env
    await asyncio.to_thread(server.stop)
    alone = start(data_dir, **JWT)  # on MongoDB the shared lease expires ten seconds later
    await assert_start_is_refused(together, alone)
