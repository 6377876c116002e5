"""Snapshots of processes: the newest of each live process, and none while Redis is away."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from cluster.redis_connection import RedisClient
from cluster.redis_keys import SNAPSHOT_PROCESSES, SNAPSHOT_PROCESSES_TTL_S, snapshot_key
from cluster.redis_process_snapshots import RedisSnapshots
from tests.support.redis_proxy import options_for, until_noticed_gone
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.gen_test
NOW_S = 1_800_000_000.0


async def client_at(stack: AsyncExitStack, port: int) -> RedisClient:
    client = RedisClient(options=options_for(port))
    stack.push_async_callback(client.close)
    await client.start()
    return client


async def test_the_newest_that_each_told_is_returned_until_it_leaves(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port)
    first, second = (RedisSnapshots(client=client, process_id=name) for name in ("p1", "p2"))
    assert await first.read_all() == []
    first.publish(b"old", at_s=NOW_S, ttl_s=60)
    first.publish(b"one \x00\xff", at_s=NOW_S + 5, ttl_s=60)
    second.publish(b"two", at_s=NOW_S - 60, ttl_s=60)  # its clock is another
    for asked in (first, second):
        assert set(await asked.read_all() or ()) == {b"one \x00\xff", b"two"}
    second.withdraw()
    assert await first.read_all() == [b"one \x00\xff"]


async def test_what_a_dead_process_told_ends_with_its_time_and_its_name_later(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    client = await client_at(stack, redis.port)
    alive, dead = (RedisSnapshots(client=client, process_id=name) for name in ("alive", "dead"))
    dead.publish(b"last words", at_s=NOW_S, ttl_s=0.05)
    alive.publish(b"still here", at_s=NOW_S, ttl_s=60)
    deadline = time.monotonic() + 30
    while await alive.read_all() != [b"still here"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)  # the poll's pace
    assert set(await client.call("ZRANGE", SNAPSHOT_PROCESSES, 0, -1)) == {b"alive", b"dead"}
    alive.publish(b"still here", at_s=NOW_S + SNAPSHOT_PROCESSES_TTL_S + 1, ttl_s=60)
    assert await client.call("ZRANGE", SNAPSHOT_PROCESSES, 0, -1) == [b"alive"]
    for key, most_ms in ((SNAPSHOT_PROCESSES, SNAPSHOT_PROCESSES_TTL_S * 1000), (snapshot_key("alive"), 60_000)):
        assert 0 < await client.call("PTTL", key) <= most_ms


async def test_without_redis_nobody_can_be_asked_and_nobody_waits(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    client = await client_at(stack, own_redis.port)
    snapshots = RedisSnapshots(client=client, process_id="p1")
    own_redis.stop()
    await until_noticed_gone(client)
    snapshots.publish(b"one", at_s=NOW_S, ttl_s=60)
    snapshots.withdraw()
    assert await snapshots.read_all() is None
