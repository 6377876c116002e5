"""A room's totals as they are cached: packing, unpacking, and an update in place by a commit."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from cache.keys_and_ttls import Keys
from cache.memory_cache import MemoryCache
from cache.room_totals import advance, advanced, pack, unpack
from store.models import RoomStats
from tests.support.redis_server import RedisServer
from tests.unit.cache.conftest import ControlledLoader, CountingLoader, CountingObserver
from tests.unit.cache.test_near_cache import start_near
from tests.unit.cache.test_redis_cache import start_process

BEFORE = RoomStats(room_id="r1", participant_count=3, message_count=7, last_activity="2026-01-31T12:00:00.123Z")
LATER = "2026-01-31T12:00:09.000Z"
AFTER = RoomStats(room_id="r1", participant_count=3, message_count=9, last_activity=LATER)


@pytest.mark.parametrize("stats", [BEFORE, AFTER, None])
def test_what_is_packed_is_unpacked(stats: RoomStats | None) -> None:
    assert unpack(pack(stats)) == stats


@pytest.mark.parametrize("packed", [b"", b"3\n7\n", b"x\n7\n2026\nr1", b"\xff\n1\n2\n3"])
def test_what_is_garbled_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(packed)


def test_the_greatest_seq_is_the_number_of_messages() -> None:
    assert advanced(BEFORE, 9, LATER) == AFTER
    assert advanced(AFTER, 8, "2026-01-31T12:00:05.000Z") == AFTER


@pytest.mark.gen_test
async def test_a_commit_is_taken_into_kept_totals_and_into_nothing_else(
    stack: AsyncExitStack, redis: RedisServer, keys: Keys, observer: CountingObserver
) -> None:
    near = (await start_near(stack, redis.port)).cache
    for cache in (near, MemoryCache(observer=observer)):
        key = keys.stats("r1")
        cache.update(key, advance(5, "2026-01-01T00:00:00.000Z"))  # nothing is there yet
        load = CountingLoader(BEFORE)
        assert await cache.get_or_load(key, load) == BEFORE
        cache.update(key, advance(9, LATER))
        cache.update(key, advance(8, "2026-01-31T12:00:05.000Z"))  # an update that arrives late
        assert await cache.get_or_load(key, load) == AFTER
        assert load.count == 1
        missing = keys.stats("nowhere")
        none = CountingLoader(None)
        assert await cache.get_or_load(missing, none) is None
        cache.update(missing, advance(1, LATER))
        assert await cache.get_or_load(missing, none) is None
        assert none.count == 2, "what was not there is asked for again after a commit"


@pytest.mark.gen_test
async def test_a_load_that_began_before_the_commit_fills_nothing(
    stack: AsyncExitStack, redis: RedisServer, keys: Keys
) -> None:
    process = await start_process(stack, redis.port)
    key, loader = keys.stats("r1"), ControlledLoader()
    asked = asyncio.ensure_future(process.cache.get_or_load(key, loader))
    while not loader.loads:
        await asyncio.sleep(0)
    process.cache.update(key, advance(9, LATER))
    await process.client.call("PING")  # it is there
    loader.loads[0].set_result(BEFORE)
    assert await asked == BEFORE
    assert await process.cache.get_or_load(key, CountingLoader(AFTER)) == AFTER
