"""Two processes whose network to Redis is slow, cut or hung: changes made on one still take effect on the other."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import JWT, LONG_REDIS_TIMEOUT, StoreEnv, until_redis_is_connected
from tests.support.client import ChatConnection, CommandRefused, Person, Reply, call, chat, person_at, register
from tests.support.machine_stalls import ending_within
from tests.support.redis_proxy_thread import RedisProxyThread, proxy_thread_to
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving

CUT_OFF_S = 5.0  # the contract's bound


async def until_true(condition: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
    """Poll a condition that needs a request to the server."""
    deadline_s = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.05)  # the poll's pace


class ServerBehindProxy:
    """A process and the proxy between it and Redis. Requests run on a thread, so the loop goes on reading sockets."""

    def __init__(self, server: ServerProcess, proxy: RedisProxyThread) -> None:
        self.server = server
        self.proxy = proxy

    async def call(self, person: Person, method: str, path: str, body: object = None, **query: Any) -> Reply:
        return await asyncio.to_thread(person_at(person, self.server).call, method, path, body, **query)

    async def register(self) -> Person:
        return await asyncio.to_thread(register, self.server.url)


@contextmanager
def serving_behind_proxies(
    data_dir: Path, redis: RedisServer, env: Mapping[str, str]
) -> Iterator[tuple[ServerBehindProxy, ServerBehindProxy]]:
    """Two processes on one store, each with its own proxy to Redis."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(proxy_thread_to(redis.port)) for _ in range(2)]
        common = {**JWT, "RATE_LIMIT_TYPING": "off", **env}
        servers = [stack.enter_context(serving(data_dir, {**common, **proxy.env})) for proxy in proxies]
        until_redis_is_connected(*servers)
        p, q = map(ServerBehindProxy, servers, proxies)
        yield p, q


@pytest.fixture(scope="module")
def shared_behind_proxies(
    tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer
) -> Iterator[tuple[ServerBehindProxy, ServerBehindProxy]]:
    with serving_behind_proxies(tmp_path_factory.mktemp("linked") / "data", shared_redis, {}) as behind_proxies:
        yield behind_proxies


@pytest.fixture
def behind_proxies(
    shared_behind_proxies: tuple[ServerBehindProxy, ServerBehindProxy],
) -> tuple[ServerBehindProxy, ServerBehindProxy]:
    """The module's two processes with working proxies, whatever the previous test did to these."""
    for one in shared_behind_proxies:
        one.proxy.restore()
    until_redis_is_connected(*(one.server for one in shared_behind_proxies))
    return shared_behind_proxies


async def private_room(here: ServerBehindProxy, owner: Person, *members: Person) -> str:
    room: str = (await here.call(owner, "POST", "/rooms", {"name": "tea", "isPrivate": True})).json["room"]["id"]
    for one in members:
        assert (await here.call(owner, "POST", f"/rooms/{room}/members", {"userId": one.id})).status == 200
    return room


async def online_ids(one: ChatConnection, room: str) -> set[str]:
    return {person["userId"] for person in (await one.command("getPresence", roomId=room))["online"]}


async def until_heads_are_read(one: ServerBehindProxy) -> None:
    """Wait until a process has compared its rooms with the store again, which it does every 5 s."""

    async def count() -> int:
        text = (await asyncio.to_thread(call, one.server.url, "GET", "/metrics")).body.decode()
        return int(
            text.partition('chat_store_operation_seconds_count{operation="rooms.heads"} ')[2]
            .split("\n")[0]
            .partition(".")[0]
            or 0
        )

    before = await count()

    async def once_more() -> bool:
        return await count() > before

    await until_true(once_more)


@pytest.mark.gen_test
async def test_news_of_an_earlier_membership_that_come_late_end_no_newer_one(
    tmp_path: Path, store_env: StoreEnv, redis: RedisServer
) -> None:
    with serving_behind_proxies(tmp_path / "data", redis, {**store_env(tmp_path / "data"), **LONG_REDIS_TIMEOUT}) as (
        p,
        q,
    ):
        ada, bob = await p.register(), await p.register()
        room = (await p.call(ada, "POST", "/rooms", {"name": "tea"})).json["room"]["id"]
        async with (
            chat(p.server.ws_url, ada) as a,
            chat(q.server.ws_url, bob) as b,
            chat(q.server.ws_url, bob) as also_b,
        ):
            await a.command("joinRoom", roomId=room)
            for one in (b, also_b):
                await one.command("joinRoom", roomId=room)
            await a.one("userJoined")
            q.proxy.delay_published(0.3)
            for _ in range(3):
                assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
                await b.command("joinRoom", roomId=room)
            b.events.clear()
            await a.command("updatePresence", status="busy")
            await b.one("presenceUpdate")  # all earlier events have arrived too
            await a.command("sendMessage", roomId=room, content="after all that")
            await b.one("receiveMessage")
            assert b.named("roomClosed") == [], "the newest membership stands"
            await also_b.one("roomClosed")  # it subscribed under the first membership
            for one in (a, b):
                assert await online_ids(one, room) == {ada.id, bob.id}
            q.proxy.delay_published(0.0)
            await until_heads_are_read(q)  # the next comparison with the store, which gives no reason, is seconds away
            assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
            assert (await b.one("roomClosed"))["reason"] == "left", "the one that stands ends as ever"


def go_away(proxy: RedisProxyThread) -> None:
    proxy.go_away()


def hang(proxy: RedisProxyThread) -> None:
    proxy.hold()


@pytest.mark.parametrize("fault", [go_away, hang])
@pytest.mark.parametrize("side", ["who writes", "who reads"])
@pytest.mark.gen_test
async def test_who_left_or_logged_out_reads_nothing_5_s_later_whichever_process_is_cut_off(
    behind_proxies: tuple[ServerBehindProxy, ServerBehindProxy], side: str, fault: Callable[[RedisProxyThread], None]
) -> None:
    p, q = behind_proxies
    ada, bob, cleo = [await p.register() for _ in range(3)]
    room = await private_room(p, ada, bob, cleo)
    async with chat(q.server.ws_url, bob) as b, chat(q.server.ws_url, cleo) as c, chat(q.server.ws_url, bob) as not_in:
        for one in (b, c):
            await one.command("joinRoom", roomId=room)
        for path in (f"/rooms/{room}/members", f"/rooms/{room}/changes", f"/rooms/{room}/stats", "/auth/profile"):
            assert (await q.call(bob, "GET", path)).status == 200, "it is in the cache now"
        fault((p if side == "who writes" else q).proxy)
        with ending_within(CUT_OFF_S):
            assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
            assert (await p.call(cleo, "POST", "/auth/logout")).status == 204
            with pytest.raises(CommandRefused) as refused:
                await not_in.command("joinRoom", roomId=room)
            assert refused.value.code == "room_not_found", "an ack would not be true"
            await until_true(lambda: is_refused(q, bob, "GET", "/messages", roomId=room))
            for path in ("members", "changes", "stats"):
                await until_true(lambda path=path: is_refused(q, bob, "GET", f"/rooms/{room}/{path}"))
            await until_true(lambda: is_refused(q, cleo, "GET", "/auth/profile"))
            assert (await b.one("roomClosed"))["roomId"] == room
            assert await c.closed() == 4403
        assert (await p.call(ada, "POST", "/messages", {"roomId": room, "content": "not for bob"})).status == 201
        await b.command("heartbeat")
        assert b.named("receiveMessage") == []


@pytest.mark.gen_test
async def test_who_is_refused_a_room_has_it_closed_at_once_on_all_their_connections(
    behind_proxies: tuple[ServerBehindProxy, ServerBehindProxy],
) -> None:
    p, q = behind_proxies
    ada, bob = await p.register(), await p.register()
    room = await private_room(p, ada, bob)
    async with chat(q.server.ws_url, bob) as b, chat(q.server.ws_url, bob) as also_b:
        for one in (b, also_b):
            await one.command("joinRoom", roomId=room)
        p.proxy.go_away()
        assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
        with pytest.raises(CommandRefused) as refused:
            await b.command("joinRoom", roomId=room)
        assert refused.value.code == "room_not_found"
        await also_b.command("heartbeat")
        for one in (b, also_b):
            assert [closed["roomId"] for closed in one.named("roomClosed")] == [room], "before the refusal"


async def is_refused(there: ServerBehindProxy, person: Person, method: str, path: str, **query: Any) -> bool:
    return (await there.call(person, method, path, **query)).status in (401, 404)


@pytest.mark.gen_test
async def test_who_was_let_in_by_a_process_that_is_cut_off_joins_and_reads_at_the_other(
    behind_proxies: tuple[ServerBehindProxy, ServerBehindProxy],
) -> None:
    p, q = behind_proxies
    ada, bob = await p.register(), await p.register()
    room = await private_room(p, ada)
    assert (await q.call(bob, "GET", f"/rooms/{room}/stats")).status == 404, "that they are none is in the cache now"
    p.proxy.go_away()
    assert (await p.call(ada, "POST", f"/rooms/{room}/members", {"userId": bob.id})).status == 200
    async with chat(q.server.ws_url, bob) as b:
        assert (await b.command("joinRoom", roomId=room))["room"]["role"] == "member"


@pytest.mark.parametrize("side", ["who is connected", "who writes"])
@pytest.mark.gen_test
async def test_after_a_cut_who_is_shown_in_which_room_is_true_also_of_those_who_have_joined_none_of_them(
    behind_proxies: tuple[ServerBehindProxy, ServerBehindProxy], side: str
) -> None:
    p, q = behind_proxies
    ada, bob = await p.register(), await p.register()
    tea, second_room = [
        (await p.call(ada, "POST", "/rooms", {"name": name})).json["room"]["id"] for name in ("tea", "two")
    ]
    assert (await p.call(bob, "POST", f"/rooms/{tea}/join")).status == 200
    async with chat(p.server.ws_url, bob), chat(p.server.ws_url, ada) as at_p, chat(q.server.ws_url, ada) as at_q:
        for one in (at_p, at_q):
            await until_true(lambda one=one: shows_online(one, tea, ada, bob))
        cut = p if side == "who is connected" else q
        cut.proxy.go_away()
        await until_true(lambda: is_unhealthy(cut.server))
        assert (await q.call(bob, "POST", f"/rooms/{tea}/leave")).status == 204
        assert (await q.call(bob, "POST", f"/rooms/{second_room}/join")).status == 200
        cut.proxy.come_back()
        for one in (at_p, at_q):
            await until_true(lambda one=one: shows_online(one, tea, ada))
            await until_true(lambda one=one: shows_online(one, second_room, ada, bob))


async def is_unhealthy(server: ServerProcess) -> bool:
    reply = await asyncio.to_thread(call, server.url, "GET", "/health/cache")
    return bool(reply.json["status"] != "healthy")


@pytest.mark.slow
@pytest.mark.gen_test
async def test_a_process_that_stood_still_for_over_10_s_and_the_others_know_each_others_people_again(
    tmp_path: Path, redis: RedisServer
) -> None:
    with serving_behind_proxies(tmp_path / "data", redis, {**LONG_REDIS_TIMEOUT, "WS_PING_TIMEOUT": "60"}) as (p, q):
        ada, bob, cleo = [await p.register() for _ in range(3)]
        room = await private_room(p, ada, bob, cleo)
        async with chat(p.server.ws_url, ada) as a, chat(q.server.ws_url, bob) as b:
            for one in (a, b):
                await one.command("joinRoom", roomId=room)
            await until_true(lambda: shows_online(a, room, ada, bob))
            os.kill(q.server.pid, signal.SIGSTOP)
            try:
                await until_true(lambda: shows_online(a, room, ada), 60)  # it counted as dead
                async with chat(p.server.ws_url, cleo) as c:
                    await c.command("joinRoom", roomId=room)
                    os.kill(q.server.pid, signal.SIGCONT)
                    for one in (a, b, c):
                        await until_true(lambda one=one: shows_online(one, room, ada, bob, cleo), 60)
                await until_true(lambda: shows_online(b, room, ada, bob), 60)
            finally:
                os.kill(q.server.pid, signal.SIGCONT)


async def shows_online(one: ChatConnection, room: str, *people: Person) -> bool:
    return await online_ids(one, room) == {person.id for person in people}
