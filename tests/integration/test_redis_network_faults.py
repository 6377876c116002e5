"""Two processes, and a network between each of them and Redis that is late, cut or hung: what one does acts on the
other all the same.
"""

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

from tests.integration.conftest import JWT, PATIENT_WITH_REDIS, StoreEnv, also_at, await_redis
from tests.support.client import Chat, Person, Refused, Reply, call, chat, register
from tests.support.machine_stalls import stalls
from tests.support.redis_proxy_thread import Network, network_to
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving

CUT_OFF_S = 5.0  # the contract's bound
SLOW_MACHINE_S = 3.0  # by how much more a wait may take where others use the same cores


async def becomes(condition: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
    """Poll what only asking tells."""
    deadline_s = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        await asyncio.sleep(0.05)  # the poll's pace


class Linked:
    """A process and its way to Redis. Requests go out from a thread, so that what comes meanwhile is read."""

    def __init__(self, server: ServerProcess, network: Network) -> None:
        self.server = server
        self.network = network

    async def call(self, person: Person, method: str, path: str, body: object = None, **query: Any) -> Reply:
        return await asyncio.to_thread(also_at(person, self.server).call, method, path, body, **query)

    async def register(self) -> Person:
        return await asyncio.to_thread(register, self.server.url)


@contextmanager
def linked_two(data_dir: Path, redis: RedisServer, env: Mapping[str, str]) -> Iterator[tuple[Linked, Linked]]:
    """Two processes on one store, each with a network of its own to Redis."""
    with ExitStack() as stack:
        networks = [stack.enter_context(network_to(redis.port)) for _ in range(2)]
        common = {**JWT, "RATE_LIMIT_TYPING": "off", **env}
        servers = [stack.enter_context(serving(data_dir, {**common, **network.env})) for network in networks]
        await_redis(*servers)
        p, q = map(Linked, servers, networks)
        yield p, q


@pytest.fixture(scope="module")
def shared_linked(
    tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer
) -> Iterator[tuple[Linked, Linked]]:
    with linked_two(tmp_path_factory.mktemp("linked") / "data", shared_redis, {}) as linked:
        yield linked


@pytest.fixture
def linked(shared_linked: tuple[Linked, Linked]) -> tuple[Linked, Linked]:
    """The two that tests share, well, whatever the test before has done to their networks."""
    for one in shared_linked:
        one.network.mend()
    await_redis(*(one.server for one in shared_linked))
    return shared_linked


async def private_room(here: Linked, owner: Person, *members: Person) -> str:
    room: str = (await here.call(owner, "POST", "/rooms", {"name": "tea", "isPrivate": True})).json["room"]["id"]
    for one in members:
        assert (await here.call(owner, "POST", f"/rooms/{room}/members", {"userId": one.id})).status == 200
    return room


async def online(one: Chat, room: str) -> set[str]:
    return {person["userId"] for person in (await one.command("getPresence", roomId=room))["online"]}


async def until_heads_are_read(one: Linked) -> None:
    """Wait until a process has compared its rooms with the store again, which it does every five seconds."""

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

    await becomes(once_more)


@pytest.mark.gen_test
async def test_news_of_an_earlier_membership_that_come_late_end_no_newer_one(
    tmp_path: Path, store_env: StoreEnv, redis: RedisServer
) -> None:
    with linked_two(tmp_path / "data", redis, {**store_env(tmp_path / "data"), **PATIENT_WITH_REDIS}) as (p, q):
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
            q.network.delay_news(0.3)
            for _ in range(3):
                assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
                await b.command("joinRoom", roomId=room)
            b.events.clear()
            await a.command("updatePresence", status="busy")
            await b.one("presenceUpdate")  # what was told before it has come as well
            await a.command("sendMessage", roomId=room, content="after all that")
            await b.one("receiveMessage")
            assert b.named("roomClosed") == [], "the newest membership stands"
            await also_b.one("roomClosed")  # its subscription was of the first one
            for one in (a, b):
                assert await online(one, room) == {ada.id, bob.id}
            q.network.delay_news(0.0)
            await until_heads_are_read(q)  # the next look at the store, which knows no reason, is seconds away
            assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
            assert (await b.one("roomClosed"))["reason"] == "left", "the one that stands ends as ever"


def go_away(network: Network) -> None:
    network.go_away()


def hang(network: Network) -> None:
    network.hold()


@pytest.mark.parametrize("fault", [go_away, hang])
@pytest.mark.parametrize("side", ["who writes", "who reads"])
@pytest.mark.gen_test
async def test_who_left_or_logged_out_reads_nothing_5_s_later_whichever_process_is_cut_off(
    linked: tuple[Linked, Linked], side: str, fault: Callable[[Network], None]
) -> None:
    p, q = linked
    ada, bob, cleo = [await p.register() for _ in range(3)]
    room = await private_room(p, ada, bob, cleo)
    async with chat(q.server.ws_url, bob) as b, chat(q.server.ws_url, cleo) as c, chat(q.server.ws_url, bob) as not_in:
        for one in (b, c):
            await one.command("joinRoom", roomId=room)
        for path in (f"/rooms/{room}/members", f"/rooms/{room}/changes", f"/rooms/{room}/stats", "/auth/profile"):
            assert (await q.call(bob, "GET", path)).status == 200, "it is in the cache now"
        fault((p if side == "who writes" else q).network)
        began_s = time.monotonic()
        with stalls() as stalled:
            assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
            assert (await p.call(cleo, "POST", "/auth/logout")).status == 204
            with pytest.raises(Refused) as refused:
                await not_in.command("joinRoom", roomId=room)
            assert refused.value.code == "room_not_found", "an ack would not be true"
            await becomes(lambda: refuses(q, bob, "GET", "/messages", roomId=room))
            for path in ("members", "changes", "stats"):
                await becomes(lambda path=path: refuses(q, bob, "GET", f"/rooms/{room}/{path}"))
            await becomes(lambda: refuses(q, cleo, "GET", "/auth/profile"))
            assert (await b.one("roomClosed"))["roomId"] == room
            assert await c.closed() == 4403
        assert time.monotonic() - began_s < CUT_OFF_S + SLOW_MACHINE_S + stalled.seconds
        assert (await p.call(ada, "POST", "/messages", {"roomId": room, "content": "not for bob"})).status == 201
        await b.command("heartbeat")
        assert b.named("receiveMessage") == []


@pytest.mark.gen_test
async def test_who_is_refused_a_room_has_it_closed_at_once_on_all_their_connections(
    linked: tuple[Linked, Linked],
) -> None:
    p, q = linked
    ada, bob = await p.register(), await p.register()
    room = await private_room(p, ada, bob)
    async with chat(q.server.ws_url, bob) as b, chat(q.server.ws_url, bob) as also_b:
        for one in (b, also_b):
            await one.command("joinRoom", roomId=room)
        p.network.go_away()
        assert (await p.call(bob, "POST", f"/rooms/{room}/leave")).status == 204
        with pytest.raises(Refused) as refused:
            await b.command("joinRoom", roomId=room)
        assert refused.value.code == "room_not_found"
        await also_b.command("heartbeat")
        for one in (b, also_b):
            assert [closed["roomId"] for closed in one.named("roomClosed")] == [room], "before the refusal"


async def refuses(there: Linked, person: Person, method: str, path: str, **query: Any) -> bool:
    return (await there.call(person, method, path, **query)).status in (401, 404)


@pytest.mark.gen_test
async def test_who_was_let_in_by_a_process_that_is_cut_off_joins_and_reads_at_the_other(
    linked: tuple[Linked, Linked],
) -> None:
    p, q = linked
    ada, bob = await p.register(), await p.register()
    room = await private_room(p, ada)
    assert (await q.call(bob, "GET", f"/rooms/{room}/stats")).status == 404, "that they are none is in the cache now"
    p.network.go_away()
    assert (await p.call(ada, "POST", f"/rooms/{room}/members", {"userId": bob.id})).status == 200
    async with chat(q.server.ws_url, bob) as b:
        assert (await b.command("joinRoom", roomId=room))["room"]["role"] == "member"


@pytest.mark.parametrize("side", ["who is connected", "who writes"])
@pytest.mark.gen_test
async def test_after_a_cut_who_is_shown_in_which_room_is_true_also_of_those_who_have_joined_none_of_them(
    linked: tuple[Linked, Linked], side: str
) -> None:
    p, q = linked
    ada, bob = await p.register(), await p.register()
    tea, two = [(await p.call(ada, "POST", "/rooms", {"name": name})).json["room"]["id"] for name in ("tea", "two")]
    assert (await p.call(bob, "POST", f"/rooms/{tea}/join")).status == 200
    async with chat(p.server.ws_url, bob), chat(p.server.ws_url, ada) as at_p, chat(q.server.ws_url, ada) as at_q:
        for one in (at_p, at_q):
            await becomes(lambda one=one: knows(one, tea, ada, bob))
        cut = p if side == "who is connected" else q
        cut.network.go_away()
        await becomes(lambda: is_unwell(cut.server))
        assert (await q.call(bob, "POST", f"/rooms/{tea}/leave")).status == 204
        assert (await q.call(bob, "POST", f"/rooms/{two}/join")).status == 200
        cut.network.come_back()
        for one in (at_p, at_q):
            await becomes(lambda one=one: knows(one, tea, ada))
            await becomes(lambda one=one: knows(one, two, ada, bob))


async def is_unwell(server: ServerProcess) -> bool:
    reply = await asyncio.to_thread(call, server.url, "GET", "/health/cache")
    return bool(reply.json["status"] != "healthy")


@pytest.mark.slow
@pytest.mark.gen_test
async def test_a_process_that_stood_still_for_over_10_s_and_the_others_know_each_others_people_again(
    tmp_path: Path, redis: RedisServer
) -> None:
    with linked_two(tmp_path / "data", redis, {**PATIENT_WITH_REDIS, "WS_PING_TIMEOUT": "60"}) as (p, q):
        ada, bob, cleo = [await p.register() for _ in range(3)]
        room = await private_room(p, ada, bob, cleo)
        async with chat(p.server.ws_url, ada) as a, chat(q.server.ws_url, bob) as b:
            for one in (a, b):
                await one.command("joinRoom", roomId=room)
            await becomes(lambda: knows(a, room, ada, bob))
            os.kill(q.server.pid, signal.SIGSTOP)
            try:
                await becomes(lambda: knows(a, room, ada), 60)  # it was taken for dead
                async with chat(p.server.ws_url, cleo) as c:
                    await c.command("joinRoom", roomId=room)
                    os.kill(q.server.pid, signal.SIGCONT)
                    for one in (a, b, c):
                        await becomes(lambda one=one: knows(one, room, ada, bob, cleo), 60)
                await becomes(lambda: knows(b, room, ada, bob), 60)
            finally:
                os.kill(q.server.pid, signal.SIGCONT)


async def knows(one: Chat, room: str, *people: Person) -> bool:
    return await online(one, room) == {person.id for person in people}
