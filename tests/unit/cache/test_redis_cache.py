"""The cache of several processes: two of them on one redis-server, with an exact order of events, so that no stale
value is ever read.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from cache import message_page, redis_cache
from cache.cache_inspection import CacheUnreachable
from cache.contract import FENCE_MAX_S, NEGATIVE_TTL_S, CacheClosed
from cache.keys_and_ttls import CacheTtls, Key, Keys
from cache.message_page import Page
from cache.redis_cache import FILL_LATE_S, RedisCache
from cache.redis_scripts import SCRIPTS
from cache.value_update import ValueUpdate
from cluster.redis_connection import RedisClient, RedisGone, RedisRefused
from cluster.redis_keys import GENERATION
from store.errors import StoreTimeout
from store.models import Membership, Role, Room, RoomStats, Session, Status, User
from tests.support.redis_proxy import LATE_S, TIMEOUT_S, elapsed_s, options_for, proxy_to, until, until_noticed_gone
from tests.support.redis_server import RedisServer
from tests.unit.cache.conftest import ControlledLoader, CountingLoader, CountingObserver

pytestmark = pytest.mark.gen_test

KEYS = Keys(CacheTtls(messages_s=1_800, users_s=300, stats_s=600))
USER = User("u1", "ada", "Ada ✨", None, "#fff", None, Status.AWAY, "at tea", "2026-01-31T12:00:00.123Z")
ROOM = Room("r1", "tea", None, False, "room", "u1", 100, 7, 0, None, "2026-01-31T12:00:00.123Z", 41, 12)
VALUES: list[tuple[Key[Any], Any]] = [
    (KEYS.user("u1"), USER),
    (KEYS.email("u1"), "ada@example.org"),
    (KEYS.session("s1"), Session("s1", "u1", 3, 1_800_000_000_000, 1_900_000_000_000, None)),
    (KEYS.room("r1"), ROOM),
    (KEYS.membership("r1", "u1"), Membership(Role.MODERATOR, 40, 1, 0, None)),
    (KEYS.page("r1"), Page((b'{"a":1}', b"1:\x00\xff:", b""), 41, 12, True)),
    (KEYS.page("r2"), Page((), 0, 0, False)),
    (KEYS.stats("r1"), RoomStats("r1", 7, 41, "2026-01-31T12:00:00.123Z")),
]
KEY = KEYS.email("u1")  # any key with a text as its value


class CacheProcess(Struct, frozen=True):
    """One process of several: its connection to Redis, its cache, and the cache's Observer."""

    client: RedisClient
    cache: RedisCache
    observer: CountingObserver

    async def flushed(self) -> None:
        """Wait until Redis has executed all commands of this process: it executes those of one connection in order."""
        assert await self.client.call("PING") == b"PONG"

    async def flushed_on_any_connection(self) -> None:
        """As `flushed`, if necessary on the next connection."""
        while True:
            try:
                return await self.flushed()
            except RedisGone:
                await until(lambda: self.client.is_up)

    def start_read(self, key: Key[Any], load: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
        return asyncio.create_task(self.cache.get_or_load(key, load))

    async def get(self, key: Key[Any], value: Any) -> Any:
        """Read a key with a loader that returns `value`, and wait until Redis has executed the commands that follow."""
        read = await self.cache.get_or_load(key, CountingLoader(value))
        await self.flushed()
        return read


async def start_process(stack: AsyncExitStack, port: int, *, jitter: float = 0.0, **options: Any) -> CacheProcess:
    client = RedisClient(options=options_for(port, **options), scripts=SCRIPTS)
    observer = CountingObserver()
    cache = RedisCache(client=client, observer=observer, jitter=lambda: jitter)
    stack.push_async_callback(client.close)
    stack.push_async_callback(cache.close)
    await client.start(on_up=[cache.invalidate_all])
    if client.is_up:
        await client.call("PING")  # its new generation has begun
    return CacheProcess(client, cache, observer)


async def start_two_processes(stack: AsyncExitStack, port: int, **options: Any) -> tuple[CacheProcess, CacheProcess]:
    return await start_process(stack, port, **options), await start_process(stack, port, **options)


async def until_loads_begin(loader: ControlledLoader, count: int = 1) -> None:
    """Wait until that many loads have begun, and no more."""
    await until(lambda: len(loader.loads) >= count)
    assert len(loader.loads) == count


# ---- one load a key --------------------------------------------------------------------------------------------------


async def test_a_value_is_loaded_once_and_then_found_by_every_process(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    load = CountingLoader("ada")
    assert [await a.cache.get_or_load(KEY, load) for _ in range(3)] == ["ada"] * 3
    assert await b.cache.get_or_load(KEY, load) == "ada"
    assert load.count == 1
    assert (a.observer.outcomes, b.observer.outcomes) == ({"miss": 1, "hit": 2}, {"hit": 1})


@pytest.mark.parametrize(
    ("key", "value"), VALUES, ids=[f"{key.kind.name}-{number}" for number, (key, _) in enumerate(VALUES)]
)
async def test_another_process_finds_every_kind_of_value_as_it_was(
    stack: AsyncExitStack, redis: RedisServer, key: Key[Any], value: Any
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(key, value)
    found = await b.cache.get_or_load(key, CountingLoader("unused"))
    assert found == value and type(found) is type(value)


async def test_the_values_here_are_of_every_kind_that_there_is() -> None:
    kinds = {kind.name for name in Keys.__slots__ if (kind := getattr(KEYS, name))}
    assert {key.kind.name for key, _ in VALUES} == kinds


async def test_many_who_ask_at_once_share_one_load(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader) for _ in range(100)]
    await until_loads_begin(loader)
    await a.flushed()
    loader.loads[0].set_result("ada")
    assert await asyncio.gather(*asked) == ["ada"] * 100
    assert len(loader.loads) == 1
    assert a.observer.outcomes == {"miss": 1, "hit": 99}


async def test_two_processes_that_miss_at_once_load_once_each_and_both_may_fill(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    asked = [process.start_read(KEY, loader) for process in (a, b) for _ in range(10)]
    await until_loads_begin(loader, 2)
    for load in loader.loads:
        load.set_result("ada")
    assert await asyncio.gather(*asked) == ["ada"] * 20
    for process in (a, b):
        assert await process.get(KEY, "unused") == "ada"
        assert process.observer.outcomes == {"miss": 1, "hit": 10}


async def test_different_keys_load_apart(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    first, second = ControlledLoader(), ControlledLoader()
    asked = [a.start_read(KEYS.email("u1"), first), a.start_read(KEYS.email("u2"), second)]
    await until_loads_begin(first)
    await until_loads_begin(second)
    second.loads[0].set_result("bob")
    first.loads[0].set_result("ada")
    assert await asyncio.gather(*asked) == ["ada", "bob"]


async def test_an_asker_that_is_cancelled_does_not_cancel_the_load_for_the_others(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    first, second = a.start_read(KEY, loader), a.start_read(KEY, loader)
    await until_loads_begin(loader)
    await a.flushed()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    loader.loads[0].set_result("ada")
    assert await second == "ada"
    assert await a.get(KEY, "unused") == "ada"


async def test_a_load_whose_askers_all_went_away_still_fills(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    only = a.start_read(KEY, loader)
    await until_loads_begin(loader)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    loader.loads[0].set_result("ada")
    await a.flushed()
    assert await a.get(KEY, "unused") == "ada"


async def test_an_error_reaches_all_who_wait_and_is_not_cached(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader) for _ in range(3)]
    await until_loads_begin(loader)
    await a.flushed()
    loader.loads[0].set_exception(OSError("gone"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(outcome), str(outcome)) for outcome in outcomes] == [(OSError, "gone")] * 3
    assert await a.get(KEY, "ada") == "ada"


async def test_an_error_that_nobody_waits_for_any_more_is_no_complaint(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()
    caplog.clear()  # what others have left
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    only = a.start_read(KEY, loader)
    await until_loads_begin(loader)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    loader.loads.pop().set_exception(OSError("gone"))
    await a.flushed()
    gc.collect()
    assert complaints == [] and [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_failed_load_leaves_nothing_for_the_garbage_collector(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    class Gone(OSError):
        pass

    async def load() -> None:
        raise Gone

    a = await start_process(stack, redis.port)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(Gone):
            await a.cache.get_or_load(KEY, load)
        await a.flushed()
        assert [one for one in gc.get_objects() if isinstance(one, Gone)] == []
    finally:
        gc.enable()


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"), VALUES, ids=[f"{key.kind.name}-{number}" for number, (key, _) in enumerate(VALUES)]
)
@pytest.mark.parametrize("jitter", [0.0, 0.999_999])
async def test_a_value_lives_for_its_kinds_ttl_less_a_tenth_at_most(
    stack: AsyncExitStack, redis: RedisServer, key: Key[Any], value: Any, jitter: float
) -> None:
    a = await start_process(stack, redis.port, jitter=jitter)
    await a.get(key, value)
    longest_ms = key.kind.ttl_s * 1000 * (1 - 0.1 * jitter)
    assert longest_ms - 20_000 < await a.client.call("PTTL", key.name) <= longest_ms + 1


async def test_a_value_is_as_old_as_its_load(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    key = Keys(CacheTtls(messages_s=0, users_s=100, stats_s=0)).user("u1")

    async def load() -> User:
        await asyncio.sleep(0.2)  # the load takes that long
        return USER

    await a.cache.get_or_load(key, load)
    await a.flushed()
    assert 0 < await a.client.call("PTTL", key.name) <= 99_800


async def test_a_value_that_redis_was_late_to_keep_is_not_kept(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)

    async def load() -> str:
        redis.pause()
        return "ada"

    assert await a.cache.get_or_load(KEY, load) == "ada"
    await asyncio.sleep(FILL_LATE_S + 0.1)  # Redis is paused that long
    redis.resume()
    await a.flushed()
    await a.flushed()
    assert await a.client.call("EXISTS", KEY.name) == 0


async def test_none_is_believed_briefly(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    load = CountingLoader(None)
    assert [await process.cache.get_or_load(KEY, load) for process in (a, a, b)] == [None] * 3
    assert load.count == 1
    assert 0 < await a.client.call("PTTL", KEY.name) <= NEGATIVE_TTL_S * 1000
    assert await a.client.call("PEXPIRE", KEY.name, 0) == 1
    assert await a.get(KEY, "ada") == "ada"


async def test_a_ttl_of_zero_keeps_nothing(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    key = Keys(CacheTtls(messages_s=0, users_s=0, stats_s=0)).email("u1")
    load = CountingLoader("ada")
    assert [await a.cache.get_or_load(key, load) for _ in range(2)] == ["ada", "ada"]
    assert load.count == 2
    assert await a.client.call("EXISTS", key.name) == 0


async def test_a_value_of_another_schema_is_another_key(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    await a.get(KEY, "ada")
    names = await a.client.call("KEYS", "*")
    assert names and all(name.startswith(b"chat:1:") for name in names)


# ---- nothing stale ---------------------------------------------------------------------------------------------------


async def test_what_one_process_invalidates_every_process_loads_again(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(KEYS.email("u1"), "old")
    await a.get(KEYS.email("u2"), "bob")
    await b.cache.invalidate(KEYS.email("u1"), KEYS.email("u2"), KEYS.email("never asked for"))
    assert await b.get(KEYS.email("u1"), "new") == "new"
    assert await a.get(KEYS.email("u1"), "unused") == "new"
    assert await a.get(KEYS.email("u2"), "bob's new one") == "bob's new one"


async def test_invalidating_nothing_says_nothing(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    await a.cache.invalidate()
    await a.get(KEY, "ada")
    assert await a.get(KEY, "unused") == "ada"


async def test_a_reader_that_is_held_between_load_and_fill_while_another_process_writes_fills_nothing(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    reader = a.start_read(KEY, loader)
    await until_loads_begin(loader)
    await b.cache.invalidate(KEY)  # the source now holds "new"
    await b.flushed()
    loader.loads[0].set_result("old")  # which it read before
    assert await reader == "old"
    await a.flushed()
    assert a.observer.outcomes == {"miss": 1, "stale_fill": 1}
    assert await b.get(KEY, "new") == "new"
    assert await a.get(KEY, "unused") == "new"


async def test_who_asks_after_an_invalidation_does_not_share_the_load_from_before_it(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    for writer in (a, b):
        await a.cache.invalidate(KEY)
        loader = ControlledLoader()
        before = a.start_read(KEY, loader)
        await until_loads_begin(loader)
        await writer.cache.invalidate(KEY)
        await writer.flushed()
        after = a.start_read(KEY, loader)
        await until_loads_begin(loader, 2)
        loader.loads[0].set_result("old")
        assert await before == "old" and not after.done()
        loader.loads[1].set_result("new")
        assert await after == "new"
        await a.flushed()
        assert await b.get(KEY, "unused") == "new"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_of_two_loads_only_the_one_begun_after_the_invalidation_fills(
    stack: AsyncExitStack, redis: RedisServer, order: tuple[int, int]
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader)]
    await until_loads_begin(loader)
    await b.cache.invalidate(KEY)
    await b.flushed()
    asked.append(b.start_read(KEY, loader))
    await until_loads_begin(loader, 2)
    for index in order:
        loader.loads[index].set_result(("old", "new")[index])
        await asked[index]
        await (a, b)[index].flushed()
    assert [await process.get(KEY, "unused") for process in (a, b)] == ["new", "new"]


async def test_an_invalidation_leaves_the_loads_of_other_keys_alone(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    other = a.start_read(KEYS.email("u2"), loader)
    await until_loads_begin(loader)
    await b.cache.invalidate(KEYS.email("u1"))
    await b.flushed()
    loader.loads[0].set_result("bob")
    await other
    await a.flushed()
    assert await b.get(KEYS.email("u2"), "unused") == "bob"


class ReadWriteSchedule:
    """A reader in one process and a writer in another. `step` runs the next step of one of them, and returns when it is
    done.
    """

    def __init__(self, reader: CacheProcess, writer: CacheProcess, *, fenced: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._stored = "old"
        self._held: list[asyncio.Future[None]] = []
        self._fence = writer.cache.fence(KEY)
        self._asked: asyncio.Task[str] | None = None
        self._steps = {
            "reader": iter((self._ask, self._load, self._fill)),
            "writer": iter((self._raise, self._write, self._lower) if fenced else (self._write, self._invalidate)),
        }

    async def step(self, who: str) -> None:
        await next(self._steps[who])()

    async def _read(self) -> str:
        await self._pause()
        value = self._stored
        await self._pause()
        return value

    async def _pause(self) -> None:
        self._held.append(asyncio.get_running_loop().create_future())
        await self._held[-1]

    async def _ask(self) -> None:
        self._asked = self._reader.start_read(KEY, self._read)
        await until(lambda: len(self._held) == 1)

    async def _load(self) -> None:
        self._held[0].set_result(None)
        await until(lambda: len(self._held) == 2)

    async def _fill(self) -> None:
        self._held[1].set_result(None)
        assert self._asked is not None
        assert await self._asked in ("old", "new")
        await self._reader.flushed()

    async def _raise(self) -> None:
        await self._fence.__aenter__()

    async def _write(self) -> None:
        self._stored = "new"

    async def _lower(self) -> None:
        await self._fence.__aexit__(None, None, None)
        await self._writer.flushed()

    async def _invalidate(self) -> None:
        await self._writer.cache.invalidate(KEY)
        await self._writer.flushed()


@pytest.mark.parametrize("fenced", [True, False], ids=["fence", "invalidation"])
async def test_in_whatever_order_a_reader_and_a_writer_take_their_steps_all_read_what_was_written(
    stack: AsyncExitStack, redis: RedisServer, fenced: bool
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    writer_steps = 3 if fenced else 2
    refused = 0
    for places in itertools.combinations(range(3 + writer_steps), 3):
        order = ["reader" if place in places else "writer" for place in range(3 + writer_steps)]
        schedule = ReadWriteSchedule(a, b, fenced=fenced)
        for who in order:
            await schedule.step(who)
        assert [await process.get(KEY, "new") for process in (b, a)] == ["new", "new"], order
        assert await a.client.call("DEL", KEY.name, f"{KEY.name}:lease") >= 1
        refused += a.observer.outcomes["stale_fill"]
    assert refused > 0


# ---- fences ----------------------------------------------------------------------------------------------------------


async def test_inside_a_fence_every_process_is_answered_and_nothing_is_kept(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    load = CountingLoader("old")
    await a.cache.get_or_load(KEY, load)
    async with b.cache.fence(KEY):
        for process in (a, b, a):
            assert await process.cache.get_or_load(KEY, load) == "old"
        assert load.count == 4
        await a.flushed()
        assert await a.client.call("EXISTS", KEY.name, f"{KEY.name}:lease") == 0
    await b.flushed()
    assert await a.get(KEY, "new") == "new"
    assert await b.get(KEY, "unused") == "new"


async def test_a_load_begun_before_a_fence_fills_neither_inside_nor_after_it(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    early, late = a.start_read(KEYS.email("u1"), loader), a.start_read(KEYS.email("u2"), loader)
    await until_loads_begin(loader, 2)
    async with b.cache.fence(KEYS.email("u1"), KEYS.email("u2")):
        loader.loads[0].set_result("old")
        await early
        await a.flushed()
    await b.flushed()
    loader.loads[1].set_result("old")
    await late
    await a.flushed()
    assert a.observer.outcomes["stale_fill"] == 2
    assert [await b.get(KEYS.email(user), "new") for user in ("u1", "u2")] == ["new", "new"]


async def test_a_fence_whose_body_fails_invalidates_and_lets_the_error_through(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    with pytest.raises(OSError, match="disk"):
        async with a.cache.fence(KEY, KEYS.room("r1")):
            raise OSError("disk")
    await a.flushed()
    load = CountingLoader("new")
    assert [await process.cache.get_or_load(KEY, load) for process in (b, b, a)] == ["new"] * 3
    assert load.count == 1


async def test_a_fence_whose_write_may_still_happen_stands_for_its_bound(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    with pytest.raises(StoreTimeout):
        async with a.cache.fence(KEY):
            await a.client.call("PEXPIRE", f"{KEY.name}:fence", 1_000)  # as if it had stood for most of its time
            raise StoreTimeout("users.update")
    await a.flushed()
    load = CountingLoader("new")
    assert [await process.cache.get_or_load(KEY, load) for process in (b, b, a)] == ["new"] * 3
    assert load.count == 3
    left_ms = await a.client.call("PTTL", f"{KEY.name}:fence")
    assert 1_000 < left_ms <= FENCE_MAX_S * 1000


async def test_a_fence_whose_body_is_cancelled_is_lowered(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    inside = asyncio.Event()

    async def write() -> None:
        async with a.cache.fence(KEY):
            inside.set()
            await asyncio.get_running_loop().create_future()

    writer = asyncio.create_task(write())
    await inside.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    await a.flushed()
    load = CountingLoader("new")
    assert [await b.cache.get_or_load(KEY, load) for _ in range(2)] == ["new", "new"]
    assert load.count == 1


async def test_a_writer_that_is_cancelled_while_it_raises_a_fence_leaves_none(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a = await start_process(stack, redis.port)

    async def write() -> None:
        async with a.cache.fence(KEY):
            raise AssertionError("it was cancelled before")

    writer = asyncio.create_task(write())
    await asyncio.sleep(0)  # it has sent the script and waits for the reply
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    await a.flushed()
    assert await a.client.call("EXISTS", f"{KEY.name}:fence") == 0


async def test_of_two_overlapping_fences_of_two_processes_the_last_one_lets_fills_in_again(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    load = CountingLoader("ada")
    async with a.cache.fence(KEY):
        async with b.cache.fence(KEY):
            pass
        await b.flushed()
        assert [await b.cache.get_or_load(KEY, load) for _ in range(2)] == ["ada", "ada"]
        assert load.count == 2
    await a.flushed()
    assert [await process.get(KEY, "ada") for process in (a, b)] == ["ada", "ada"]
    assert (a.observer.outcomes["hit"], b.observer.outcomes["hit"]) == (0, 1)


async def test_a_fence_whose_raiser_dies_stands_for_its_bound_and_no_longer(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(KEY, "old")
    fenced = b.cache.fence(KEY)  # kept: it would end when nobody refers to it
    await fenced.__aenter__()
    await b.client.close()  # killed between the commit and the end of its fence
    fence = f"{KEY.name}:fence"
    bound_ms = int(FENCE_MAX_S * 1000)
    assert 0 < await a.client.call("PTTL", fence) <= bound_ms
    load = CountingLoader("new")
    assert [await a.cache.get_or_load(KEY, load) for _ in range(2)] == ["new", "new"]
    assert load.count == 2
    # The key may outlive this fence because of another one; each fence in it expires by itself.
    [(token, until_ms)] = [tuple(await a.client.call("ZRANGE", fence, 0, -1, "WITHSCORES"))]
    await a.client.call("ZADD", fence, int(until_ms) - bound_ms, token)
    assert [await a.cache.get_or_load(KEY, load) for _ in range(2)] == ["new", "new"]
    assert load.count == 3


# ---- updates ---------------------------------------------------------------------------------------------------------


def page_of(first: int, last: int, *, rev: int = 5, has_more: bool = True) -> Page:
    return Page(tuple(b'{"seq":%d}' % seq for seq in range(first, last + 1)), last, rev, has_more)


PAGE = KEYS.page("r1")


def the_next(seq: int) -> ValueUpdate[Page]:
    """The update by the commit of the message with this seq."""
    return message_page.append(seq, page_of(seq, seq).messages)


async def test_an_update_makes_every_process_load_the_value_again(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(PAGE, page_of(1, 3))
    b.cache.update(PAGE, the_next(4))
    await b.flushed()
    assert await a.get(PAGE, page_of(1, 4)) == page_of(1, 4)
    assert await b.get(PAGE, "unused") == page_of(1, 4)


async def test_a_load_begun_before_an_update_does_not_fill_over_it(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    before = a.start_read(PAGE, loader)
    await until_loads_begin(loader)
    b.cache.update(PAGE, the_next(4))
    await b.flushed()
    loader.loads[0].set_result(page_of(1, 3))
    assert await before == page_of(1, 3)
    await a.flushed()
    assert a.observer.outcomes["stale_fill"] == 1
    assert await b.get(PAGE, page_of(1, 4)) == page_of(1, 4)


# ---- invalidations that were missed ----------------------------------------------------------------------------------


async def test_a_value_that_was_written_while_redis_was_out_of_reach_is_believed_by_nobody_after_it(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    cut, other = await start_process(stack, proxy.port), await start_process(stack, redis.port)
    await other.get(KEY, "old")
    assert await cut.get(KEY, "unused") == "old"
    proxy.go_away()
    await until_noticed_gone(cut.client)
    await cut.cache.invalidate(KEY)  # the loader returns "new", and Redis is unreachable
    assert await cut.cache.get_or_load(KEY, CountingLoader("new")) == "new"
    assert await other.get(KEY, "unused") == "old"  # the old value is still in Redis
    proxy.come_back()
    await until(lambda: cut.client.is_up)
    await cut.flushed()
    assert await other.get(KEY, "new") == "new"
    assert await cut.get(KEY, "unused") == "new"


async def test_an_invalidation_that_vanished_in_a_half_open_connection_is_made_up_for(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    cut, other = await start_process(stack, proxy.port, timeout_s=TIMEOUT_S), await start_process(stack, redis.port)
    await other.get(KEY, "old")
    proxy.cut_half_open()
    await cut.cache.invalidate(KEY)
    await until(lambda: not cut.client.is_up)
    await until(lambda: cut.client.is_up)
    await cut.flushed()
    assert await other.get(KEY, "new") == "new"


async def test_a_load_begun_before_the_connection_was_lost_does_not_fill_after_it(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    cut, other = await start_process(stack, proxy.port), await start_process(stack, redis.port)
    loader = ControlledLoader()
    reader = cut.start_read(KEY, loader)
    await until_loads_begin(loader)
    proxy.drop()
    await until_noticed_gone(cut.client)
    await cut.cache.invalidate(KEY)
    await until(lambda: cut.client.is_up)
    loader.loads[0].set_result("old")
    assert await reader == "old"
    await cut.flushed()
    assert cut.observer.outcomes["stale_fill"] == 1
    assert [await process.get(KEY, "new") for process in (other, cut)] == ["new", "new"]


async def test_whoever_finds_a_process_dead_makes_all_disbelieve_what_is_kept(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(KEY, "old")
    loader = ControlledLoader()
    under_way = a.start_read(KEYS.email("u2"), loader)
    await until_loads_begin(loader)
    b.cache.invalidate_all()
    await b.flushed()
    loader.loads[0].set_result("old")
    await under_way
    assert await a.get(KEYS.email("u2"), "new") == "new"
    assert await a.get(KEY, "new") == "new"
    assert await b.get(KEY, "unused") == "new"


async def test_who_comes_up_makes_all_disbelieve_what_is_kept(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    await a.get(KEY, "old")
    b = await start_process(stack, redis.port)
    assert await a.get(KEY, "new") == "new"
    assert await b.get(KEY, "unused") == "new"


# ---- a Redis that forgets --------------------------------------------------------------------------------------------


async def test_after_a_flush_in_mid_traffic_reads_go_on_and_go_on_brings_the_cache_back(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(KEY, "old")
    loader = ControlledLoader()
    reader = a.start_read(KEYS.email("u2"), loader)
    await until_loads_begin(loader)
    await b.client.call("FLUSHALL")
    loader.loads[0].set_result("bob")
    assert await reader == "bob"
    load = CountingLoader("new")
    assert [await process.cache.get_or_load(KEY, load) for process in (a, b, a)] == ["new"] * 3
    assert load.count == 3
    assert a.observer.outcomes["stale_fill"] == 1
    for process in (a, b):
        process.cache.ensure_generation()
        await process.flushed()
    assert [await process.cache.get_or_load(KEY, load) for process in (a, b, a)] == ["new"] * 3
    assert load.count == 4


async def test_go_on_changes_nothing_where_all_is_well(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(KEY, "ada")
    for process in (a, b):
        process.cache.ensure_generation()
        await process.flushed()
    assert [await process.get(KEY, "unused") for process in (a, b)] == ["ada", "ada"]


async def test_with_its_scripts_forgotten_the_cache_works_and_shows_nothing_old(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.get(PAGE, page_of(1, 3))
    await a.client.call("SCRIPT", "FLUSH")
    a.cache.update(PAGE, the_next(4))
    await a.flushed_on_any_connection()
    assert await b.cache.get_or_load(PAGE, CountingLoader(page_of(1, 4))) == page_of(1, 4)


async def test_with_its_scripts_forgotten_values_are_kept_again(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.client.call("SCRIPT", "FLUSH")
    load = CountingLoader("ada")

    async def is_kept() -> bool:
        before = load.count
        assert await a.cache.get_or_load(KEY, load) == "ada"
        return load.count == before

    async with asyncio.timeout(30):
        while not await is_kept():
            await asyncio.sleep(0.02)  # the poll's pace
    assert await b.get(KEY, "unused") == "ada"


@pytest.mark.parametrize("flushed", [False, True], ids=["", "with its scripts forgotten"])
async def test_the_end_of_a_fence_forgets_what_was_filled_after_its_bound(
    stack: AsyncExitStack, redis: RedisServer, flushed: bool
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    async with a.cache.fence(KEY):
        await a.client.call("DEL", f"{KEY.name}:fence")  # as after FENCE_MAX_S
        assert await b.get(KEY, "old") == "old"
        if flushed:
            await a.client.call("SCRIPT", "FLUSH")
    await a.flushed_on_any_connection()
    assert await b.cache.get_or_load(KEY, CountingLoader("new")) == "new"


# ---- garbage under our own keys --------------------------------------------------------------------------------------


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def generation_of(process: CacheProcess) -> bytes:
    generation = await process.client.call("GET", GENERATION)
    assert generation is not None
    return generation


GARBLED = {
    "no msgpack": b"\xc1\xc1",
    "empty": b"",
    "cut": msgspec.msgpack.encode("ada@example.org")[:-3],
    "another type": msgspec.msgpack.encode(["ada"]),
    "not UTF-8": b"\xa2\xff\xff",
    "more than one": msgspec.msgpack.encode("ada") * 2,
}


@pytest.mark.parametrize("garbage", GARBLED.values(), ids=list(GARBLED))
async def test_a_value_that_cannot_be_read_is_thrown_away_and_loaded_and_told_of_once(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture, garbage: bytes
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    generation = await generation_of(a)
    for user in ("u1", "u2"):
        key = KEYS.email(user)
        await a.client.call("SET", key.name, generation + b":" + garbage)
        assert await a.get(key, "ada") == "ada"
        assert await a.get(key, "ada") == "ada"
        assert await b.get(key, "unused") == "ada"
    assert len(warnings_in(caplog)) == 1
    assert a.observer.outcomes["error"] >= 2


@pytest.mark.parametrize("garbage", [b"1:2:0:1:", b"1:2:0:1:9:short", b"x", b"1:2:0:1:1:abc", b"1:2:2:0:x"])
async def test_a_page_that_cannot_be_read_is_thrown_away_and_loaded(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture, garbage: bytes
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.client.call("SET", PAGE.name, await generation_of(a) + b":" + garbage)
    assert await a.get(PAGE, page_of(1, 3)) == page_of(1, 3)
    assert await a.get(PAGE, page_of(1, 3)) == page_of(1, 3)
    assert await b.get(PAGE, "unused") == page_of(1, 3)
    assert len(warnings_in(caplog)) == 1


async def test_a_value_so_deep_that_no_reader_follows_is_thrown_away_too(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    a = await start_process(stack, redis.port)
    key = KEYS.user("u1")
    deep = b"\x81\xa1z" + b"\x91" * 100_000 + b"\x90"  # an unknown field, which the decoder skips by recursion
    await a.client.call("SET", key.name, await generation_of(a) + b":" + deep)
    assert await a.get(key, USER) == USER
    assert await a.get(key, USER) == USER
    assert await a.get(key, "unused") == USER


@pytest.mark.parametrize("garbage", [b"", b"no header", b"ffffffff:x", b"\x00\xff"])
async def test_a_string_without_our_header_is_not_there(
    stack: AsyncExitStack, redis: RedisServer, garbage: bytes
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.client.call("SET", KEY.name, garbage)
    assert await a.get(KEY, "ada") == "ada"
    assert await b.get(KEY, "unused") == "ada"


@pytest.mark.parametrize("place", ["", ":lease", ":fence"])
async def test_a_key_of_ours_that_is_of_another_type_is_thrown_away_and_told_of_once(
    stack: AsyncExitStack, redis: RedisServer, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    for user in ("u1", "u2"):
        key = KEYS.email(user)
        await a.client.call("RPUSH", key.name + place, "a list")
        assert await a.get(key, "ada") == "ada"
        assert await a.get(key, "ada") == "ada"
        assert await b.get(key, "unused") == "ada"
    assert len(warnings_in(caplog)) == 1


async def test_a_generation_that_is_of_another_type_is_begun_anew(stack: AsyncExitStack, redis: RedisServer) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.client.call("DEL", GENERATION)
    await a.client.call("RPUSH", GENERATION, "a list")
    assert await a.get(KEY, "ada") == "ada"
    for process in (a, b):
        process.cache.ensure_generation()  # as every few seconds
        await process.flushed()
    assert await a.get(KEY, "ada") == "ada"
    assert await b.get(KEY, "unused") == "ada"


# ---- a Redis that is full, or takes no writes ------------------------------------------------------------------------


async def fill_memory(process: CacheProcess) -> None:
    """Write until Redis refuses for lack of memory."""
    await process.client.call("CONFIG", "SET", "maxmemory", "4mb")
    with pytest.raises(RedisRefused):
        for number in range(10_000):
            await process.client.call("SET", f"filler:{number}", b"x" * 50_000)
    with pytest.raises(RedisRefused):
        for number in range(10_000):
            await process.client.call("SET", f"small filler:{number}", b"x")


async def test_with_its_memory_full_reads_are_answered_and_invalidations_still_work(
    stack: AsyncExitStack, own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await start_two_processes(stack, own_redis.port)
    await a.client.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    for user in ("u1", "u2", "u3"):
        await a.get(KEYS.email(user), "old")
    await fill_memory(a)
    assert await b.get(KEYS.email("u1"), "unused") == "old"
    load = CountingLoader("loaded")
    assert [await process.cache.get_or_load(KEYS.email("u9"), load) for process in (a, b)] == ["loaded", "loaded"]
    await a.cache.invalidate(KEYS.email("u1"))
    await a.flushed()
    assert await b.get(KEYS.email("u1"), "new") == "new"
    async with a.cache.fence(KEYS.email("u2")):
        assert await b.get(KEYS.email("u2"), "new") == "new"
    await a.flushed()
    assert await b.get(KEYS.email("u2"), "newer") == "newer"
    a.cache.invalidate_all()
    await a.flushed()
    assert await b.get(KEYS.email("u3"), "new") == "new"
    assert all(process.client.is_up for process in (a, b))
    await a.client.call("CONFIG", "SET", "maxmemory", "0")
    a.cache.ensure_generation()
    await a.flushed()
    assert await a.get(KEYS.email("u1"), "kept again") == "kept again"
    assert await b.get(KEYS.email("u1"), "unused") == "kept again"


async def test_a_redis_that_takes_no_writes_shows_nothing_that_should_have_been_invalidated(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, own_redis.port)
    await a.get(KEY, "old")
    await a.get(PAGE, page_of(1, 3))
    # As with a full disk (stop-writes-on-bgsave-error), or a replica after a failover: reads work, writes are refused.
    await a.client.call("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(RedisRefused):
        await a.client.call("DEL", "anything")
    await a.cache.invalidate(KEY)
    a.cache.update(PAGE, the_next(4))
    await a.flushed()
    for process in (a, b):
        assert await process.cache.get_or_load(KEY, CountingLoader("new")) == "new"
        assert await process.cache.get_or_load(PAGE, CountingLoader(page_of(1, 4))) == page_of(1, 4)


# ---- no Redis --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["stopped", "cut half-open"])
async def test_without_an_answer_each_asker_loads_within_the_timeout_and_then_at_once(
    stack: AsyncExitStack, own_redis: RedisServer, fault: str
) -> None:
    proxy = await proxy_to(stack, own_redis.port)
    a = await start_process(stack, proxy.port, timeout_s=TIMEOUT_S)
    await a.get(KEY, "kept")
    if fault == "stopped":
        own_redis.pause()
    else:
        proxy.hold()
    load = CountingLoader("loaded")
    took = await asyncio.gather(
        *[elapsed_s(a.cache.get_or_load(KEYS.email(f"u{number}"), load)) for number in range(20)]
    )
    assert max(took) < TIMEOUT_S + LATE_S
    assert load.count == 20
    assert not a.client.is_up
    took = [await elapsed_s(a.cache.get_or_load(KEY, load)) for _ in range(20)]
    assert sorted(took)[len(took) // 2] < TIMEOUT_S / 2
    assert load.count == 40 and a.observer.outcomes["error"] == 40
    async with a.cache.fence(KEY):
        await a.cache.invalidate(KEY)
        a.cache.update(PAGE, the_next(1))
    with pytest.raises(CacheUnreachable):
        await a.cache.inspect()


async def process_without_redis(stack: AsyncExitStack, redis: RedisServer, fault: str) -> CacheProcess:
    """A process whose Redis is away. With `half-open` the process has not noticed it."""
    proxy = await proxy_to(stack, redis.port)
    a = await start_process(stack, proxy.port, timeout_s=TIMEOUT_S)
    if fault == "killed":
        redis.stop()
        await until_noticed_gone(a.client)
    elif fault == "stopped":
        redis.pause()
    else:
        proxy.hold()
    return a


@pytest.mark.parametrize("fault", ["killed", "stopped", "half-open"])
async def test_a_hundred_who_ask_at_once_share_one_load_also_without_redis(
    stack: AsyncExitStack, own_redis: RedisServer, fault: str
) -> None:
    a = await process_without_redis(stack, own_redis, fault)
    loader = ControlledLoader()
    asked = [a.start_read(PAGE, loader) for _ in range(100)]
    await until_loads_begin(loader)
    await until(lambda: a.observer.outcomes["error"] == 100)
    loader.loads[0].set_result(page_of(1, 3))
    assert await asyncio.gather(*asked) == [page_of(1, 3)] * 100
    assert len(loader.loads) == 1
    asked = [a.start_read(PAGE, loader) for _ in range(100)]
    await until_loads_begin(loader, 2)
    loader.loads[1].set_exception(OSError("the store is away, too"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError] * 100


async def update(cache: RedisCache) -> None:
    cache.update(KEY, the_next(4))


async def enter_and_leave_fence(cache: RedisCache) -> None:
    async with cache.fence(KEY):
        pass


@pytest.mark.parametrize(
    "write",
    [
        lambda cache: cache.invalidate(KEYS.email("another"), KEY),
        enter_and_leave_fence,
        update,
    ],
    ids=["invalidate", "fence", "update"],
)
async def test_without_redis_who_asks_after_a_write_shares_the_one_load_after_it(
    stack: AsyncExitStack, own_redis: RedisServer, write: Callable[[RedisCache], Awaitable[None]]
) -> None:
    a = await process_without_redis(stack, own_redis, "killed")
    loader, other = ControlledLoader(), ControlledLoader()
    before = [a.start_read(KEY, loader) for _ in range(10)]
    elsewhere = [a.start_read(KEYS.email("u2"), other)]
    await until_loads_begin(loader)
    await until_loads_begin(other)
    await write(a.cache)
    after = [a.start_read(KEY, loader) for _ in range(100)]
    elsewhere.append(a.start_read(KEYS.email("u2"), other))
    await until_loads_begin(loader, 2)
    loader.loads[0].set_result("old")
    assert await asyncio.gather(*before) == ["old"] * 10
    after += [a.start_read(KEY, loader) for _ in range(10)]
    await until(lambda: a.observer.outcomes["error"] >= 122)
    loader.loads[1].set_result("new")
    assert await asyncio.gather(*after) == ["new"] * 110
    other.loads[0].set_result("theirs")
    assert await asyncio.gather(*elsewhere) == ["theirs"] * 2
    assert (len(loader.loads), len(other.loads)) == (2, 1)


async def test_without_redis_nobody_shares_a_load_that_has_been_under_way_for_long(
    stack: AsyncExitStack, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other processes write meanwhile is not heard."""
    a = await process_without_redis(stack, own_redis, "killed")
    loader = ControlledLoader()
    first = a.start_read(KEY, loader)
    await until_loads_begin(loader)
    monkeypatch.setattr(redis_cache, "LOCAL_LOAD_SHARED_S", -1.0)
    second = a.start_read(KEY, loader)
    await until_loads_begin(loader, 2)
    monkeypatch.undo()
    third = a.start_read(KEY, loader)
    await until(lambda: a.observer.outcomes["error"] == 3)
    loader.loads[0].set_result("old")
    assert await first == "old"
    loader.loads[1].set_result("new")
    assert await asyncio.gather(second, third) == ["new", "new"]


async def test_an_asker_that_is_cancelled_does_not_cancel_the_load_for_the_others_also_without_redis(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a = await process_without_redis(stack, own_redis, "killed")
    loader = ControlledLoader()
    first, second = a.start_read(KEY, loader), a.start_read(KEY, loader)
    await until_loads_begin(loader)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    loader.loads[0].set_result("ada")
    assert await second == "ada"


async def test_closing_cancels_loads_without_redis_as_well(stack: AsyncExitStack, own_redis: RedisServer) -> None:
    a = await process_without_redis(stack, own_redis, "killed")
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader)]
    await until_loads_begin(loader)
    await a.cache.invalidate(KEY)  # a detached load is owned as well
    asked.append(a.start_read(KEY, loader))
    await until_loads_begin(loader, 2)
    await a.cache.close()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheClosed] * 2
    assert [load.cancelled() for load in loader.loads] == [True, True]


async def test_inside_a_fence_of_another_process_askers_share_a_load_and_none_from_before_a_write_ended(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    loader = ControlledLoader()
    async with b.cache.fence(KEY):
        async with b.cache.fence(KEY):
            inside = [a.start_read(KEY, loader) for _ in range(100)]
            await until_loads_begin(loader)
            await a.flushed()
        await b.flushed()
        between = [a.start_read(KEY, loader) for _ in range(100)]
        await until_loads_begin(loader, 2)
        await a.flushed()
        async with b.cache.fence(KEY):
            pass
        await b.flushed()
        later = [a.start_read(KEY, loader) for _ in range(100)]
        await until_loads_begin(loader, 3)
        await a.flushed()
    await b.flushed()
    after = [a.start_read(KEY, loader) for _ in range(100)]
    await until_loads_begin(loader, 4)
    await a.flushed()
    for number, load in enumerate(loader.loads):
        load.set_result(f"as read {number}")
    for number, asked in enumerate((inside, between, later, after)):
        assert await asyncio.gather(*asked) == [f"as read {number}"] * 100
    assert await b.get(KEY, "unused") == "as read 3", "only what was read after the fence is kept"


async def test_after_a_flush_askers_share_a_load_until_another_process_writes(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    a, b = await start_two_processes(stack, redis.port)
    await a.client.call("FLUSHALL")
    loader = ControlledLoader()
    before = [a.start_read(KEY, loader) for _ in range(100)]
    await until_loads_begin(loader)
    await a.flushed()
    await b.cache.invalidate(KEY)
    await b.flushed()
    after = [a.start_read(KEY, loader) for _ in range(100)]
    await until_loads_begin(loader, 2)
    await a.flushed()
    loader.loads[0].set_result("old")
    loader.loads[1].set_result("new")
    assert await asyncio.gather(*before) == ["old"] * 100
    assert await asyncio.gather(*after) == ["new"] * 100
    assert await b.get(KEY, "newer") == "newer", "nothing is kept before a generation is begun"


async def test_with_its_memory_full_askers_share_a_load(stack: AsyncExitStack, own_redis: RedisServer) -> None:
    a = await start_process(stack, own_redis.port)
    await a.client.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await fill_memory(a)
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader) for _ in range(100)]
    await until_loads_begin(loader)
    await a.flushed()
    loader.loads[0].set_result("ada")
    assert await asyncio.gather(*asked) == ["ada"] * 100


async def test_a_writer_waits_no_longer_than_the_timeout_for_its_fence(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a = await start_process(stack, own_redis.port, timeout_s=TIMEOUT_S)
    own_redis.pause()
    written: list[str] = []

    async def write() -> None:
        async with a.cache.fence(KEY):
            written.append("new")

    assert await elapsed_s(write()) < TIMEOUT_S + LATE_S
    assert written == ["new"]


async def test_a_redis_that_comes_later_is_used_then(stack: AsyncExitStack, own_redis: RedisServer) -> None:
    own_redis.stop()
    a, b = await start_two_processes(stack, own_redis.port)
    load = CountingLoader("ada")
    assert [await a.cache.get_or_load(KEY, load) for _ in range(2)] == ["ada", "ada"]
    assert load.count == 2
    await asyncio.to_thread(own_redis.start)
    await until(lambda: a.client.is_up and b.client.is_up)
    await b.flushed()
    assert await a.get(KEY, "ada") == "ada"
    assert await b.get(KEY, "unused") == "ada"


async def test_an_error_of_a_load_is_told_as_it_is_also_without_redis(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    a = await start_process(stack, own_redis.port)
    own_redis.stop()

    async def fail() -> None:
        raise OSError("the store")

    for _ in range(2):
        with pytest.raises(OSError, match="the store"):
            await a.cache.get_or_load(KEY, fail)


# ---- what it tells, and its end --------------------------------------------------------------------------------------


async def test_an_inspection_tells_of_redis_itself(stack: AsyncExitStack, own_redis: RedisServer) -> None:
    a = await start_process(stack, own_redis.port)
    state = await a.cache.inspect()
    assert (state.backend, state.entries, state.max_bytes, state.evictions, state.clients) == ("redis", 1, None, 0, 1)
    assert state.used_bytes and state.latency_ms
    await a.get(KEY, "ada")
    await a.client.call("CONFIG", "SET", "maxmemory", "64mb")
    state = await a.cache.inspect()
    assert (state.entries, state.max_bytes) == (3, 64 * 1024 * 1024)  # the generation, the value and its lease


async def test_closing_cancels_the_loads_and_tells_their_askers(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    loader = ControlledLoader()
    asked = [a.start_read(KEY, loader), a.start_read(KEY, loader)]
    await until_loads_begin(loader)
    await a.cache.invalidate(KEY)  # a detached load is owned as well
    asked.append(a.start_read(KEY, loader))
    await until_loads_begin(loader, 2)
    await a.cache.close()
    assert [load.cancelled() for load in loader.loads] == [True, True]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheClosed] * 3


async def test_after_closing_asks_are_refused_and_load_nothing(stack: AsyncExitStack, redis: RedisServer) -> None:
    a = await start_process(stack, redis.port)
    await a.get(KEY, "ada")
    await a.cache.close()
    await a.cache.close()
    load = CountingLoader("ada")
    with pytest.raises(CacheClosed):
        await a.cache.get_or_load(KEY, load)
    assert load.count == 0


async def test_who_asked_redis_when_it_was_closed_is_told_so(stack: AsyncExitStack, redis: RedisServer) -> None:
    proxy = await proxy_to(stack, redis.port)
    a = await start_process(stack, proxy.port, timeout_s=10)
    load = CountingLoader("ada")
    proxy.hold()
    asked = a.start_read(KEY, load)
    await asyncio.sleep(0)  # its command is under way
    await a.cache.close()
    proxy.release()
    with pytest.raises(CacheClosed):
        await asked
    assert load.count == 0
