"""The slots of a user over all processes: the cap, slots of dead processes, and a Redis that loses data or is away."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from cache.redis_cache import RedisCache
from cache.redis_scripts import SCRIPTS
from cluster import redis_connections_per_user
from cluster.redis_connection import RedisClient
from cluster.redis_connections_per_user import SCRIPTS as SLOT_SCRIPTS
from cluster.redis_connections_per_user import RedisConnectionSlots
from cluster.redis_keys import SLOTS_TTL_S, slots_key
from monitor.observer import Observer
from tests.support.redis_proxy import (
    LATE_S,
    PATIENT_S,
    TIMEOUT_S,
    elapsed_s,
    options_for,
    proxy_to,
    until,
    until_noticed_gone,
)
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.gen_test

ALIVE = frozenset({"p1", "p2"})


class Process:
    """One process's view of the slots."""

    def __init__(self, client: RedisClient, connection_slots: RedisConnectionSlots, cache: RedisCache | None) -> None:
        self.client = client
        self.connection_slots = connection_slots
        self.cache = cache

    async def acquire(
        self, connection_id: str, *, replaces: str | None = None, alive: frozenset[str] | None = ALIVE
    ) -> bool:
        return await self.connection_slots.acquire("u1", connection_id, replaces=replaces, alive=alive)

    async def slots_in_redis(self) -> set[str]:
        return {one.decode() for one in await self.client.call("HKEYS", slots_key("u1"))}

    async def check_forgotten(self) -> bool:
        """Check, as each process does every few seconds, whether Redis has lost the slots."""
        if self.cache is not None:
            self.cache.ensure_generation()
        return await self.connection_slots.forgotten()


async def process_at(
    stack: AsyncExitStack,
    port: int,
    *,
    name: str = "p1",
    max_per_user: int = 2,
    with_cache: bool = True,
    timeout_s: float = PATIENT_S,
) -> Process:
    client = RedisClient(options=options_for(port, timeout_s=timeout_s), scripts=(*SCRIPTS, *SLOT_SCRIPTS))
    cache = RedisCache(client=client, observer=Observer()) if with_cache else None
    stack.push_async_callback(client.close)
    await client.start(on_up=[cache.invalidate_all] if cache is not None else [])
    return Process(client, RedisConnectionSlots(client=client, max_per_user=max_per_user, process_id=name), cache)


async def two_at(
    stack: AsyncExitStack, port: int, *, max_per_user: int = 2, with_cache: bool = True
) -> tuple[Process, Process]:
    return (
        await process_at(stack, port, name="p1", max_per_user=max_per_user, with_cache=with_cache),
        await process_at(stack, port, name="p2", max_per_user=max_per_user, with_cache=with_cache),
    )


# ---- the cap ---------------------------------------------------------------------------------------------------------


async def test_the_cap_holds_over_two_processes_and_for_each_user_apart(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    assert [await a.acquire("p1-1"), await b.acquire("p2-1"), await a.acquire("p1-2"), await b.acquire("p2-2")] == [
        True,
        True,
        False,
        False,
    ]
    assert await b.connection_slots.acquire("u2", "p2-3", replaces=None, alive=ALIVE)
    assert await a.slots_in_redis() == {"p1-1", "p2-1"}


async def test_of_many_who_ask_at_once_as_many_are_let_in_as_there_are_slots(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port, max_per_user=5)
    asked = [process.acquire(f"{name}-{number}") for number in range(20) for process, name in ((a, "p1"), (b, "p2"))]
    assert sum(await asyncio.gather(*asked)) == 5
    assert len(await a.slots_in_redis()) == 5


async def test_a_slot_that_is_left_is_free_for_another_process(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await two_at(stack, redis.port, max_per_user=1)
    assert await a.acquire("p1-1")
    assert not await b.acquire("p2-1")
    a.connection_slots.release("u1", "p1-1")
    await a.client.call("PING")
    assert await b.acquire("p2-1")


async def test_to_leave_a_slot_that_one_does_not_have_frees_none(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port, max_per_user=1)
    assert await a.acquire("p1-1")
    a.connection_slots.release("u1", "p1-2")
    a.connection_slots.release("u2", "p1-1")
    assert not await a.acquire("p1-3")


async def test_who_has_a_slot_keeps_it_when_asking_again(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port, max_per_user=1)
    assert [await a.acquire("p1-1"), await a.acquire("p1-1")] == [True, True]
    assert await a.slots_in_redis() == {"p1-1"}


async def test_who_replaces_a_connection_has_its_slot_and_no_other_gets_it_in_between(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    assert await a.acquire("p1-1") and await a.acquire("p1-2")
    results = await asyncio.gather(
        *[process.acquire(f"{name}-new", replaces="p1-1") for process, name in ((a, "p1"), (b, "p2"))],
        a.acquire("p1-3"),
        b.acquire("p2-3"),
    )
    assert sum(results) == 1 and sum(results[:2]) == 1
    assert len(await a.slots_in_redis() & {"p1-new", "p2-new"}) == 1 and "p1-2" in await a.slots_in_redis()


async def test_to_replace_a_connection_that_is_not_there_gives_no_slot(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port, max_per_user=1)
    assert await a.acquire("p1-1")
    assert not await a.acquire("p1-2", replaces="p1-9")


# ---- the dead --------------------------------------------------------------------------------------------------------


async def test_the_slots_of_a_process_that_does_not_live_are_free(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, dead = await two_at(stack, redis.port)
    assert await dead.acquire("p2-1") and await dead.acquire("p2-2")
    assert not await a.acquire("p1-1")
    assert await a.acquire("p1-1", alive=frozenset({"p1"}))
    assert await a.slots_in_redis() == {"p1-1"}


async def test_while_it_is_not_known_who_lives_no_slot_is_free(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, other = await two_at(stack, redis.port)
    assert await other.acquire("p2-1") and await other.acquire("p2-2")
    assert not await a.acquire("p1-1", alive=None)
    assert await a.slots_in_redis() == {"p2-1", "p2-2"}


async def test_a_process_is_known_by_all_that_stands_before_the_last_dash(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port, max_per_user=3)
    for connection in ("p1-a-1", "p1-2", "p10-3"):
        assert await a.acquire(connection, alive=None)
    assert await a.acquire("p1-a-4", alive=frozenset({"p1-a"}))
    assert await a.slots_in_redis() == {"p1-a-1", "p1-a-4"}


async def test_slots_that_nobody_renews_are_forgotten_at_last(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port)
    longest_ms = SLOTS_TTL_S * 1000
    assert await a.acquire("p1-1")
    assert longest_ms - 5_000 < await a.client.call("PTTL", slots_key("u1")) <= longest_ms
    await a.client.call("PEXPIRE", slots_key("u1"), 1_000)
    assert await a.connection_slots.reconcile([("u1", ["p1-1"])]) == 0
    assert longest_ms - 5_000 < await a.client.call("PTTL", slots_key("u1")) <= longest_ms


# ---- a Redis that forgets, or is away --------------------------------------------------------------------------------


async def test_after_a_flush_the_slots_are_taken_again_and_the_cap_holds(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port)
    assert await a.acquire("p1-1") and await b.acquire("p2-1")
    await a.client.call("FLUSHALL")
    assert await a.connection_slots.reconcile([("u1", ["p1-1"]), ("u2", ["p1-2"])]) == 0
    assert await b.connection_slots.reconcile([("u1", ["p2-1"])]) == 0
    assert await a.slots_in_redis() == {"p1-1", "p2-1"}
    assert not await b.acquire("p2-9")


@pytest.mark.parametrize("with_cache", [True, False], ids=["with a cache", "without a cache"])
async def test_each_process_hears_of_a_flush_once(stack: AsyncExitStack, redis: RedisServer, with_cache: bool) -> None:
    a, b = await two_at(stack, redis.port, with_cache=with_cache)
    for process in (a, b):
        await process.check_forgotten()
    assert [await process.check_forgotten() for process in (a, b, a, b)] == [False] * 4
    await a.client.call("FLUSHALL")
    assert [await process.check_forgotten() for process in (a, b, a, b)] == [True, True, False, False]


async def test_a_redis_that_was_restarted_has_forgotten_the_slots(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a = await process_at(stack, own_redis.port)
    await a.check_forgotten()
    assert not await a.check_forgotten()
    await asyncio.to_thread(own_redis.restart)
    assert not await a.check_forgotten()  # not while it cannot be asked
    await until(lambda: a.client.is_up)
    assert await a.check_forgotten()


@pytest.mark.parametrize("fault", ["stopped", "killed", "cut half-open"])
async def test_without_redis_each_process_is_let_in_within_the_timeout_and_nothing_fails(
    stack: AsyncExitStack, own_redis: RedisServer, fault: str
) -> None:
    proxy = await proxy_to(stack, own_redis.port)
    a = await process_at(stack, proxy.port, max_per_user=1, timeout_s=TIMEOUT_S)
    assert await a.acquire("p1-1")
    if fault == "stopped":
        own_redis.pause()
    elif fault == "killed":
        own_redis.stop()
    else:
        proxy.hold()
        proxy.cut_half_open()

    async def acquire_one() -> None:
        assert await a.acquire("p1-2")

    took = await asyncio.gather(*[elapsed_s(acquire_one()) for _ in range(5)])
    assert max(took) < TIMEOUT_S + LATE_S
    await until_noticed_gone(a.client)
    assert await a.acquire("p1-3")
    a.connection_slots.release("u1", "p1-1")
    assert await a.connection_slots.reconcile([("u1", ["p1-2"])]) is None
    assert not await a.connection_slots.forgotten()


async def test_a_redis_that_holds_garbage_lets_in(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port, max_per_user=1)
    await a.client.call("SET", slots_key("u1"), "garbage")
    assert await a.connection_slots.reconcile([("u1", ["p1-1"])]) == 0
    a.connection_slots.release("u1", "p1-1")
    assert await a.acquire("p1-1")


async def test_a_redis_that_is_full_lets_in_whom_it_cannot_note_and_nobody_past_the_cap(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a = await process_at(stack, own_redis.port, max_per_user=2)
    assert await a.acquire("p1-1")
    await a.client.call("CONFIG", "SET", "maxmemory", "1")
    assert await a.acquire("p1-2")
    assert await a.slots_in_redis() == {"p1-1"}
    assert await a.acquire("p1-3", replaces="p1-1")
    a.connection_slots.release("u1", "p1-3")
    assert await a.slots_in_redis() == set()


async def test_scripts_that_redis_forgot_cost_no_slot(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port, max_per_user=1)
    await a.client.call("SCRIPT", "FLUSH")
    results = [await a.acquire(f"p1-{number}") for number in range(3)]
    assert results == [True, False, False]


# ---- what is held, and what should be --------------------------------------------------------------------------------


async def test_reconciling_frees_what_a_process_has_no_connection_for_and_leaves_others_alone(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await two_at(stack, redis.port, max_per_user=9)
    for connection in ("p1-1", "p1-2", "p1-3"):
        assert await a.acquire(connection)
    assert await b.acquire("p2-1") and await b.acquire("p1-x-1")
    assert await a.connection_slots.reconcile([("u1", ["p1-2", "p1-4"]), ("nobody", [])]) == 2
    assert await a.slots_in_redis() == {"p1-2", "p1-4", "p2-1", "p1-x-1"}
    assert await b.connection_slots.reconcile([("u1", [])]) == 1
    assert await a.slots_in_redis() == {"p1-2", "p1-4", "p1-x-1"}


async def test_who_leaves_right_after_a_comparison_began_has_left(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await process_at(stack, redis.port)
    assert await a.acquire("p1-1")
    compared = asyncio.ensure_future(a.connection_slots.reconcile([("u1", ["p1-1"])]))
    await asyncio.sleep(0)  # the call has read what is held
    a.connection_slots.release("u1", "p1-1")
    assert await compared == 0
    assert (await a.slots_in_redis(), a.connection_slots.unconfirmed_users()) == (set(), [])


async def test_who_has_a_slot_right_after_a_comparison_began_keeps_the_slot(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port)
    compared = asyncio.ensure_future(a.connection_slots.reconcile([("u1", [])]))
    await asyncio.sleep(0)  # the call has read what is held
    assert await a.acquire("p1-1")
    assert await compared == 0
    assert await a.slots_in_redis() == {"p1-1"}


async def test_a_comparison_whose_script_redis_forgot_is_left_to_the_next(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await process_at(stack, redis.port)
    assert await a.acquire("p1-1")
    await a.client.call("SCRIPT", "FLUSH")
    compared = asyncio.ensure_future(a.connection_slots.reconcile([("u1", ["p1-1"]), ("u2", [])]))
    await asyncio.sleep(0)
    a.connection_slots.release("u1", "p1-1")
    assert await compared == 0
    assert (await a.slots_in_redis(), a.connection_slots.unconfirmed_users()) == (set(), ["u1", "u2"])
    assert await a.connection_slots.reconcile([("u1", []), ("u2", [])]) == 0
    assert a.connection_slots.unconfirmed_users() == []


async def test_who_left_while_redis_was_away_is_remembered_until_redis_heard_of_it(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, own_redis.port)
    a = await process_at(stack, proxy.port, max_per_user=5)
    for connection in ("p1-1", "p1-2", "p1-3"):
        assert await a.acquire(connection)
    a.connection_slots.release("u1", "p1-1")
    await a.client.call("PING")
    assert a.connection_slots.unconfirmed_users() == []
    proxy.hold()
    a.connection_slots.release("u1", "p1-2")  # it is on its way when the connection is lost
    await until(lambda: any(b"p1-2" in data for data in proxy.sent_to_redis))
    proxy.cut_half_open()
    proxy.go_away()
    proxy.release()
    await until(lambda: not a.client.is_up)
    assert a.connection_slots.unconfirmed_users() == ["u1"]
    a.connection_slots.release("u1", "p1-3")
    a.connection_slots.release("u2", "p1-9")
    assert a.connection_slots.unconfirmed_users() == ["u1", "u2"]
    assert await a.connection_slots.reconcile([("u1", []), ("u2", [])]) is None
    assert a.connection_slots.unconfirmed_users() == ["u1", "u2"]
    proxy.come_back()
    await until(lambda: a.client.is_up)
    assert (
        await a.connection_slots.reconcile([(user_id, []) for user_id in a.connection_slots.unconfirmed_users()]) == 2
    )
    assert (await a.slots_in_redis(), a.connection_slots.unconfirmed_users()) == (set(), [])


async def test_of_those_who_left_no_more_are_remembered_than_the_bound_the_first_ones(
    stack: AsyncExitStack, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connections_per_user, "UNCONFIRMED_MAX", 3)
    a = await process_at(stack, own_redis.port)
    own_redis.stop()
    await until_noticed_gone(a.client)
    for number in range(10):
        a.connection_slots.release(f"u{number}", f"p1-{number}")
    assert a.connection_slots.unconfirmed_users() == ["u0", "u1", "u2"]
