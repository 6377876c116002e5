"""The comparison of Redis's slots with the connections: in slices, one pass at a time, in the order of requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from chat.connections.slot_reconciler import USERS_A_SLICE, SlotReconciler
from cluster.redis_connection import RedisClient
from cluster.redis_connections_per_user import SCRIPTS, RedisConnectionSlots
from cluster.redis_keys import slots_key
from tests.support.redis_proxy import client_at, proxy_to, until
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.gen_test


class ConnectedPeople:
    """Who is connected: by user, their connections.

    `asked` is called with each user whose connections are read for a request.
    """

    def __init__(self, asked: Callable[[str], object] = str) -> None:
        self.connections: dict[str, list[str]] = {}
        self._asked = asked

    def users(self) -> list[str]:
        return list(self.connections)

    def slots_of(self, user_id: str) -> list[str]:
        self._asked(user_id)
        return self.connections.get(user_id, [])


async def held(client: RedisClient, user_id: str) -> set[str]:
    return {one.decode() for one in await client.call("HKEYS", slots_key(user_id))}


async def passed(reconciler: SlotReconciler) -> None:
    """Wait until no pass is under way."""
    await until(lambda: reconciler._task is None)


async def test_a_pass_frees_slots_without_a_connection_and_takes_forgotten_ones_for_all_users(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    client = await client_at(stack, redis.port, scripts=tuple(SCRIPTS))
    people = ConnectedPeople()
    reconciler = SlotReconciler(
        pool=people, connection_slots=RedisConnectionSlots(client=client, max_per_user=5, process_id="p1")
    )
    stack.push_async_callback(reconciler.close)
    count = 3 * USERS_A_SLICE + 1
    for number in range(count):
        people.connections[f"u{number}"] = [f"p1-{number}"]
        client.send("HSET", slots_key(f"u{number}"), f"p1-{number + 1_000}", "")
    reconciler.start()
    await passed(reconciler)
    assert [await held(client, f"u{number}") for number in range(count)] == [
        {f"p1-{number}"} for number in range(count)
    ]


async def test_a_pass_that_redis_cuts_short_is_made_up_for_by_the_next(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    count = 3 * USERS_A_SLICE
    cut_at = [f"u{USERS_A_SLICE + 1}"]

    def asked(user_id: str) -> None:
        if user_id in cut_at:
            cut_at.clear()
            proxy.go_away()

    proxy = await proxy_to(stack, redis.port)
    client = await client_at(stack, proxy.port, scripts=tuple(SCRIPTS))
    people, slots = ConnectedPeople(asked), RedisConnectionSlots(client=client, max_per_user=5, process_id="p1")
    reconciler = SlotReconciler(pool=people, connection_slots=slots)
    stack.push_async_callback(reconciler.close)
    for number in range(count):
        people.connections[f"u{number}"] = [f"p1-{number}"]
        client.send("HSET", slots_key(f"u{number}"), "p1-stale", "")
    await client.call("PING")
    reconciler.start()
    await passed(reconciler)
    assert cut_at == [] and not client.is_up
    proxy.come_back()
    await until(lambda: client.is_up)
    reconciler.start()
    await passed(reconciler)
    assert [await held(client, f"u{number}") for number in range(count)] == [
        {f"p1-{number}"} for number in range(count)
    ]


async def test_a_pass_that_is_requested_during_another_follows_it(stack: AsyncExitStack, redis: RedisServer) -> None:
    def asked(user_id: str) -> None:
        if user_id == "u1" and "u2" not in people.connections:
            people.connections["u2"] = ["p1-2"]
            reconciler.start()

    client = await client_at(stack, redis.port, scripts=tuple(SCRIPTS))
    people = ConnectedPeople(asked)
    reconciler = SlotReconciler(
        pool=people, connection_slots=RedisConnectionSlots(client=client, max_per_user=5, process_id="p1")
    )
    stack.push_async_callback(reconciler.close)
    people.connections["u1"] = ["p1-1"]
    reconciler.start()
    await passed(reconciler)
    assert (await held(client, "u1"), await held(client, "u2")) == ({"p1-1"}, {"p1-2"})
