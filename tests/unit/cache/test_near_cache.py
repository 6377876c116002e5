"""The cache in front of Redis, of two processes on one redis-server: what each may show of what the other wrote, with
events that are on time, late and lost.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from contextlib import AsyncExitStack
from typing import Any

import pytest
from msgspec import Struct

from cache import message_page, room_totals
from cache.contract import CacheClosed
from cache.keys_and_ttls import Key
from cache.message_page import Page
from cache.near_cache import NAMES_MAX, NEAR_MAX_AGE_S, NearCache
from cache.redis_cache import RedisCache
from cache.redis_scripts import SCRIPTS
from cluster.events import CacheInvalidated, RoomDeleted
from cluster.redis_bus import RedisBus
from cluster.redis_connection import RedisClient
from cluster.topics import CACHE
from store.errors import StoreTimeout
from store.models import RoomStats
from tests.support.redis_proxy import options_for, proxy_to, until
from tests.support.redis_server import RedisServer
from tests.unit.cache.conftest import Clock, ControlledLoader, CountingLoader, CountingObserver
from tests.unit.cache.test_redis_cache import KEY, KEYS, ReadWriteSchedule, until_loads_begin

pytestmark = pytest.mark.gen_test

BACK_WITHIN_S = 30.0
STATS = RoomStats("r1", 3, 7, "2026-01-31T12:00:00.123Z")
LATER = RoomStats("r1", 3, 10, "2026-01-31T12:00:09.000Z")


class NearProcess(Struct, frozen=True):
    """One process of several: its connections to Redis, its cache, and the clock of that cache."""

    client: RedisClient
    bus: RedisBus
    cache: NearCache
    clock: Clock
    observer: CountingObserver
    heard: list[Any]

    async def flushed(self) -> None:
        """Wait until Redis has executed all commands of this process."""
        assert await self.client.call("PING") == b"PONG"

    async def get(self, key: Key[Any], value: Any) -> Any:
        """Read a key with a loader that returns `value`, and wait until Redis has what is kept of it."""
        read = await self.cache.get_or_load(key, CountingLoader(value))
        await self.flushed()
        return read

    def start_read(self, key: Key[Any], load: Any) -> asyncio.Task[Any]:
        return asyncio.create_task(self.cache.get_or_load(key, load))

    async def has_heard_all_of(self, other: NearProcess) -> None:
        """Wait until all that the other process has published so far was received here."""
        marker = RoomDeleted(f"marker {secrets.token_hex(4)}")
        other.bus.publish(CACHE, marker)
        await until(lambda: marker in self.heard)


async def start_near(stack: AsyncExitStack, port: int, *, listens_at: int | None = None, **bounds: int) -> NearProcess:
    """A process that hears the others through `listens_at`."""
    client = RedisClient(options=options_for(port), scripts=SCRIPTS)
    bus = RedisBus(client=client, options=options_for(listens_at or port), process_id=secrets.token_hex(4))
    observer, clock = CountingObserver(), Clock()
    shared = RedisCache(client=client, observer=observer, jitter=lambda: 0.0)
    cache = NearCache(shared=shared, bus=bus, observer=observer, now=clock, **bounds)
    heard: list[Any] = []

    def receive(_: str, event: Any) -> None:
        if isinstance(event, CacheInvalidated):
            cache.forget_here(event.names)
        heard.append(event)

    for part in (client, bus, cache):
        stack.push_async_callback(part.close)
    await client.start(on_up=[cache.invalidate_all, bus.notify_if_restored])
    bus.start(receive=receive, on_back=lambda: cache.forget_here(()))
    await bus.connect()
    await bus.subscribe(CACHE)
    await client.call("PING")
    return NearProcess(client, bus, cache, clock, observer, heard)


async def start_two(stack: AsyncExitStack, port: int, **of_b: Any) -> tuple[NearProcess, NearProcess]:
    a, b = await start_near(stack, port), await start_near(stack, port, **of_b)
    await a.has_heard_all_of(b)
    return a, b


# ---- what is kept here -----------------------------------------------------------------------------------------------


async def test_a_value_is_found_here_again_without_asking_redis(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two(stack, redis.port)
    assert await a.get(KEY, "ada") == "ada"
    assert await b.get(KEY, "unused") == "ada"
    await a.client.call("DEL", KEY.name)
    load = CountingLoader("unused")
    assert [await process.cache.get_or_load(KEY, load) for process in (a, b)] == ["ada", "ada"]
    assert load.count == 0
    assert (a.observer.outcomes, b.observer.outcomes) == ({"miss": 1, "hit": 1}, {"hit": 2})


async def test_a_value_is_kept_here_for_its_age_at_most_and_then_redis_is_asked(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await start_near(stack, redis.port)
    await a.get(KEY, "old")
    await a.client.call("DEL", KEY.name)
    a.clock.now_s += NEAR_MAX_AGE_S - 0.001
    assert await a.get(KEY, "new") == "old"
    a.clock.now_s += 0.001
    assert await a.get(KEY, "new") == "new"


async def test_a_value_is_as_old_as_the_read_that_brought_it(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port)

    async def load() -> str:
        a.clock.now_s += NEAR_MAX_AGE_S  # it takes that long
        return "old"

    assert await a.cache.get_or_load(KEY, load) == "old"
    assert len(a.cache) == 0


async def test_who_shares_a_load_that_began_before_makes_its_value_no_younger(
    stack: AsyncExitStack, redis: RedisServer, loader: ControlledLoader
) -> None:
    a = await start_near(stack, redis.port)
    first = a.start_read(KEY, loader)
    await until_loads_begin(loader, 1)
    a.clock.now_s += NEAR_MAX_AGE_S
    second = a.start_read(KEY, loader)
    await a.flushed()
    loader.loads[0].set_result("old")
    assert await asyncio.gather(first, second) == ["old", "old"]
    assert (len(loader.loads), len(a.cache)) == (1, 0)


async def test_what_is_kept_for_nobody_is_not_kept_here(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port)
    await a.get(KEYS.page_at("r1", 1, 0), Page((), 0, 0, False))
    assert len(a.cache) == 0


async def test_none_is_found_here_too(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port)
    load = CountingLoader(None)
    assert [await a.cache.get_or_load(KEY, load) for _ in range(2)] == [None, None]
    await a.client.call("DEL", KEY.name)
    assert await a.cache.get_or_load(KEY, load) is None
    assert load.count == 1


async def test_past_its_bounds_the_least_recently_used_goes(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port, max_entries=3)
    for user in ("u1", "u2", "u3", "u1", "u4"):
        await a.get(KEYS.email(user), user)
    assert len(a.cache) == 3
    await a.client.call("FLUSHALL")
    assert await a.get(KEYS.email("u1"), "loaded") == "u1"
    assert await a.get(KEYS.email("u2"), "loaded") == "loaded"


async def test_a_flood_of_large_values_stays_within_the_bound(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port, max_bytes=100_000)
    for number in range(20):
        await a.get(KEYS.page(f"r{number}"), Page((b"x" * 10_000,), 1, 0, False))
    assert 0 < a.cache.weight_bytes <= 100_000


# ---- what this process writes ----------------------------------------------------------------------------------------


async def test_who_wrote_never_reads_what_was_there_before(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port)
    await a.get(KEY, "old")
    await a.cache.invalidate(KEY)
    assert await a.get(KEY, "new") == "new"
    async with a.cache.fence(KEY):
        assert await a.get(KEY, "written") == "written"
    assert await a.get(KEY, "newer") == "newer"
    with pytest.raises(StoreTimeout):
        async with a.cache.fence(KEY):
            raise StoreTimeout("append")
    assert await a.get(KEY, "written after all") == "written after all"
    assert await a.get(KEY, "and again") == "and again", "the write may still happen: nothing is kept"


async def test_what_was_being_read_when_this_process_wrote_is_not_kept(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await start_near(stack, redis.port)

    async def update() -> None:
        a.cache.update(KEY, room_totals.advance(9, "later"))

    for write in (a.cache.invalidate(KEY), update()):
        loader = ControlledLoader()
        before = a.start_read(KEY, loader)
        await until_loads_begin(loader)
        await write
        loader.loads[0].set_result("old")
        assert await before == "old"
        assert await a.get(KEY, "new") == "new"
        await a.cache.invalidate(KEY)


async def test_an_update_changes_what_is_here_and_makes_redis_forget(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two(stack, redis.port)
    key = KEYS.stats("r1")
    await a.get(key, STATS)
    await b.get(key, "unused")
    a.cache.update(key, room_totals.advance(9, "later"))
    assert (await a.get(key, "unused")).message_count == 9
    assert (await b.get(key, "unused")).message_count == 7, "who did not write may be behind for a moment"
    b.clock.now_s += NEAR_MAX_AGE_S
    assert await b.get(key, LATER) == LATER
    page = KEYS.page("r1")
    await a.get(page, Page((b"1",), 1, 0, False))
    a.cache.update(page, message_page.append(2, [b"2"]))
    assert await a.get(page, "unused") == Page((b"1", b"2"), 2, 0, False)
    assert await b.get(page, Page((b"1", b"2", b"3"), 3, 0, False)) == Page((b"1", b"2", b"3"), 3, 0, False)


# ---- what another process writes -------------------------------------------------------------------------------------


async def test_what_another_process_invalidates_is_dropped_when_its_event_comes(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two(stack, redis.port)
    await a.get(KEY, "old")
    await b.get(KEY, "unused")
    await b.get(KEYS.email("u2"), "bob")
    await a.cache.invalidate(KEY)
    await b.has_heard_all_of(a)
    assert await b.get(KEY, "new") == "new"
    await a.client.call("FLUSHALL")
    assert await b.get(KEYS.email("u2"), "unused") == "bob", "the others stay"


async def test_another_process_drops_what_it_has_before_a_fenced_write_is_committed_and_keeps_nothing_until_its_end(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two(stack, redis.port)
    await b.get(KEY, "old")
    async with a.cache.fence(KEY):
        await b.has_heard_all_of(a)
        assert await b.get(KEY, "old") == "old"
        assert await b.get(KEY, "committed") == "committed"
    await b.has_heard_all_of(a)
    assert await b.get(KEY, "new") == "new"
    assert await b.get(KEY, "unused") == "new"


async def test_what_was_being_read_when_the_event_came_is_not_kept(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two(stack, redis.port)
    loader = ControlledLoader()
    before = b.start_read(KEY, loader)
    await until_loads_begin(loader)
    await a.cache.invalidate(KEY)
    await b.has_heard_all_of(a)
    loader.loads[0].set_result("old")
    assert await before == "old"
    assert await b.get(KEY, "new") == "new"


@pytest.mark.parametrize("fenced", [True, False], ids=["fence", "invalidation"])
async def test_in_whatever_order_a_reader_and_a_writer_take_their_steps_all_who_heard_of_it_read_what_was_written(
    stack: AsyncExitStack, redis: RedisServer, fenced: bool
) -> None:
    a, b = await start_two(stack, redis.port)
    writer_steps = 3 if fenced else 2
    for places in itertools.combinations(range(3 + writer_steps), 3):
        order = ["reader" if place in places else "writer" for place in range(3 + writer_steps)]
        reader: Any = a
        writer: Any = b
        schedule = ReadWriteSchedule(reader, writer, fenced=fenced)
        for who in order:
            await schedule.step(who)
        assert await b.get(KEY, "new") == "new", order
        await a.has_heard_all_of(b)
        assert await a.get(KEY, "new") == "new", order
        await a.cache.invalidate(KEY)
        await b.has_heard_all_of(a)


async def test_an_invalidation_of_everything_reaches_every_process(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two(stack, redis.port)
    await b.get(KEY, "old")
    a.cache.invalidate_all()
    await b.has_heard_all_of(a)
    assert [await process.get(KEY, "new") for process in (b, a)] == ["new", "new"]


async def test_an_invalidation_of_very_many_keys_drops_everything_with_one_short_event(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two(stack, redis.port)
    await b.get(KEY, "old")
    await a.cache.invalidate(KEY, *(KEYS.email(f"other {number}") for number in range(NAMES_MAX)))
    await b.has_heard_all_of(a)
    assert CacheInvalidated() in b.heard
    assert await b.get(KEY, "new") == "new"


# ---- events that are late or lost ------------------------------------------------------------------------------------


async def test_a_late_event_costs_no_more_than_the_age_of_a_value(stack: AsyncExitStack, redis: RedisServer) -> None:
    proxy = await proxy_to(stack, redis.port)
    a, b = await start_two(stack, redis.port, listens_at=proxy.port)
    await b.get(KEY, "old")
    proxy.hold()  # what is published does not arrive
    await a.cache.invalidate(KEY)
    await a.flushed()
    assert await b.get(KEY, "new") == "old"
    b.clock.now_s += NEAR_MAX_AGE_S
    assert await b.get(KEY, "new") == "new"
    proxy.release()
    await b.has_heard_all_of(a)
    assert await b.get(KEY, "newer") == "new", "it is dropped once more, and Redis has it"


async def test_a_lost_event_costs_no_more_than_the_age_of_a_value(stack: AsyncExitStack, redis: RedisServer) -> None:
    proxy = await proxy_to(stack, redis.port)
    a, b = await start_two(stack, redis.port, listens_at=proxy.port)
    await b.get(KEY, "old")
    proxy.cut_half_open()
    await a.cache.invalidate(KEY)
    await a.flushed()
    assert (await b.get(KEY, "new"), b.bus.lost) == ("old", False)
    b.clock.now_s += NEAR_MAX_AGE_S
    assert await b.get(KEY, "new") == "new"


async def test_while_the_bus_is_lost_nothing_is_believed_and_nothing_kept(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a, b = await start_two(stack, redis.port, listens_at=proxy.port)
    await b.get(KEY, "old")
    proxy.go_away()
    await until(lambda: b.bus.lost)
    await a.cache.invalidate(KEY)
    await a.flushed()
    assert await b.get(KEY, "new") == "new"
    await a.cache.invalidate(KEY)
    await a.flushed()
    assert await b.get(KEY, "newer") == "newer"
    proxy.come_back()
    await until(lambda: not b.bus.lost, BACK_WITHIN_S)
    assert len(b.cache) == 0


async def test_a_bus_that_is_back_leaves_nothing_of_what_was_here_before(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a, b = await start_two(stack, redis.port, listens_at=proxy.port)
    await b.get(KEY, "old")
    loader = ControlledLoader()
    other = b.start_read(KEYS.email("u2"), loader)
    await until_loads_begin(loader)
    proxy.drop()
    await until(lambda: b.bus.lost)
    await a.cache.invalidate(KEY, KEYS.email("u2"))
    await a.flushed()
    await until(lambda: not b.bus.lost, BACK_WITHIN_S)
    assert await b.get(KEY, "new") == "new"
    loader.loads[0].set_result("old")
    assert await other == "old"
    assert await b.get(KEYS.email("u2"), "new") == "new"


async def test_what_a_process_wrote_while_it_was_cut_off_the_others_drop_when_it_is_back(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await start_near(stack, proxy.port)
    b = await start_near(stack, redis.port)
    proxy.go_away()
    await until(lambda: a.bus.lost)
    await b.get(KEY, "old")
    await a.cache.invalidate(KEY)
    assert await a.cache.get_or_load(KEY, CountingLoader("new")) == "new"
    proxy.come_back()
    await until(lambda: not a.bus.lost, BACK_WITHIN_S)
    await b.has_heard_all_of(a)
    assert await b.get(KEY, "new") == "new"


async def test_after_closing_asks_are_refused(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_near(stack, redis.port)
    await a.get(KEY, "ada")
    await a.cache.close()
    with pytest.raises(CacheClosed):
        await a.cache.get_or_load(KEY, CountingLoader("unused"))
