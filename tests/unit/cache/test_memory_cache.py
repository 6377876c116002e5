"""The in-process cache: one load a key, no stale value, bounded. The test decides when a load ends, so the order of
events is exact.
"""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import pytest

from cache import memory_cache, message_page
from cache.contract import FENCE_MAX_S, NEGATIVE_TTL_S, Cache, CacheClosed
from cache.keys_and_ttls import CacheTtls, Keys
from cache.memory_cache import MemoryCache, NoCache
from cache.value_update import ValueUpdate
from store.errors import StoreTimeout

pytestmark = pytest.mark.gen_test


@pytest.fixture
def cache(clock, observer) -> MemoryCache:
    return MemoryCache(observer=observer, now=clock, jitter=lambda: 0.0)


async def let_tasks_run() -> None:
    """Let every task run to its next wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def update_by(apply) -> ValueUpdate:
    """An update for the in-process cache only: its script does not exist."""
    return ValueUpdate(apply)


def start_read(cache: Cache, key, load) -> asyncio.Task:
    return asyncio.create_task(cache.get_or_load(key, load))


# ---- one load a key --------------------------------------------------------------------------------------------------


async def test_a_value_is_loaded_once_and_then_found(cache, keys, counting_loader, observer):
    load = counting_loader("ada")
    assert [await cache.get_or_load(keys.user("u1"), load) for _ in range(3)] == ["ada"] * 3
    assert load.count == 1
    assert observer.outcomes == {"miss": 1, "hit": 2}


async def test_many_who_ask_at_once_share_one_load(cache, keys, loader, observer):
    asked = [start_read(cache, keys.user("u1"), loader) for _ in range(100)]
    await let_tasks_run()
    assert len(loader.loads) == 1
    loader.loads[0].set_result("ada")
    assert await asyncio.gather(*asked) == ["ada"] * 100
    assert observer.outcomes["miss"] == 1


async def test_different_keys_load_apart(cache, keys, loader):
    asked = [start_read(cache, keys.user("u1"), loader), start_read(cache, keys.user("u2"), loader)]
    await let_tasks_run()
    loader.loads[1].set_result("bob")
    loader.loads[0].set_result("ada")
    assert await asyncio.gather(*asked) == ["ada", "bob"]


async def test_an_asker_that_is_cancelled_does_not_cancel_the_load_for_the_others(cache, keys, loader, counting_loader):
    first, second = start_read(cache, keys.user("u1"), loader), start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    first.cancel()
    await let_tasks_run()
    assert first.cancelled()
    loader.loads[0].set_result("ada")
    assert await second == "ada"
    assert await cache.get_or_load(keys.user("u1"), counting_loader("unused")) == "ada"


async def test_a_load_whose_askers_all_went_away_still_fills(cache, keys, loader, counting_loader):
    only = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    only.cancel()
    await let_tasks_run()
    loader.loads[0].set_result("ada")
    await let_tasks_run()
    assert await cache.get_or_load(keys.user("u1"), counting_loader("unused")) == "ada"


async def test_an_error_reaches_all_who_wait_and_is_not_cached(cache, keys, loader, counting_loader):
    asked = [start_read(cache, keys.user("u1"), loader) for _ in range(3)]
    await let_tasks_run()
    loader.loads[0].set_exception(OSError("gone"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["gone"] * 3
    assert all(isinstance(outcome, OSError) for outcome in outcomes)
    assert await cache.get_or_load(keys.user("u1"), counting_loader("ada")) == "ada"


async def test_an_error_that_nobody_waits_for_any_more_is_no_complaint(cache, keys, loader, caplog, io_loop):
    gc.collect()
    caplog.clear()  # what others have left
    complaints = []
    io_loop.asyncio_loop.set_exception_handler(lambda _, context: complaints.append(context))
    only = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    only.cancel()
    await let_tasks_run()
    loader.loads.pop().set_exception(OSError("gone"))
    await let_tasks_run()
    gc.collect()
    assert complaints == [] and caplog.records == []


async def test_a_failed_load_leaves_nothing_for_the_garbage_collector(cache, keys):
    class Gone(OSError):
        pass

    async def load() -> None:
        raise Gone

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(Gone):
            await cache.get_or_load(keys.user("u1"), load)
        for _ in range(100):  # turns in which the tasks' callbacks let go of it; a cycle would stay in all of them
            await let_tasks_run()
            kept = [one for one in gc.get_objects() if isinstance(one, Gone)]
            if not kept:
                break
        assert kept == []
    finally:
        gc.enable()


# ---- nothing stale ---------------------------------------------------------------------------------------------------


async def test_an_invalidated_value_is_loaded_again(cache, keys, counting_loader):
    await cache.get_or_load(keys.user("u1"), counting_loader("old"))
    await cache.get_or_load(keys.user("u2"), counting_loader("bob"))
    await cache.invalidate(keys.user("u1"), keys.user("u2"), keys.user("never asked for"))
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "new"


async def test_a_load_that_began_before_an_invalidation_answers_its_askers_and_fills_nothing(
    cache, keys, loader, counting_loader, observer
):
    before = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    await cache.invalidate(keys.user("u1"))
    loader.loads[0].set_result("old")
    assert await before == "old"
    assert observer.outcomes["stale_fill"] == 1
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "new"


async def test_who_asks_after_an_invalidation_does_not_share_the_load_from_before_it(cache, keys, loader):
    before = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    await cache.invalidate(keys.user("u1"))
    after = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    assert len(loader.loads) == 2
    loader.loads[0].set_result("old")
    await let_tasks_run()
    assert await before == "old" and not after.done()
    loader.loads[1].set_result("new")
    assert await after == "new"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_of_two_loads_only_the_one_begun_after_the_invalidation_fills(
    cache, keys, loader, counting_loader, order
):
    asked = [start_read(cache, keys.user("u1"), loader)]
    await let_tasks_run()
    await cache.invalidate(keys.user("u1"))
    asked.append(start_read(cache, keys.user("u1"), loader))
    await let_tasks_run()
    for index in order:
        loader.loads[index].set_result(("old", "new")[index])
        await let_tasks_run()
    await asyncio.gather(*asked)
    assert await cache.get_or_load(keys.user("u1"), counting_loader("unused")) == "new"


async def test_an_invalidation_leaves_the_loads_of_other_keys_alone(cache, keys, loader, counting_loader):
    other = start_read(cache, keys.user("u2"), loader)
    await let_tasks_run()
    await cache.invalidate(keys.user("u1"))
    loader.loads[0].set_result("bob")
    await other
    assert await cache.get_or_load(keys.user("u2"), counting_loader("unused")) == "bob"


# ---- fences ----------------------------------------------------------------------------------------------------------


async def test_inside_a_fence_reads_are_answered_and_nothing_is_kept(cache, keys, counting_loader, observer):
    load = counting_loader("old")
    await cache.get_or_load(keys.user("u1"), load)
    async with cache.fence(keys.user("u1")):
        assert await cache.get_or_load(keys.user("u1"), load) == "old"
        assert await cache.get_or_load(keys.user("u1"), load) == "old"
        assert load.count == 3
    assert observer.outcomes["stale_fill"] == 2
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "new"


async def test_a_load_begun_before_a_fence_fills_neither_inside_nor_after_it(cache, keys, loader, counting_loader):
    before = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    async with cache.fence(keys.user("u1")):
        pass
    loader.loads[0].set_result("old")
    await before
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "new"


async def test_a_load_begun_inside_a_fence_is_neither_kept_nor_shared_after_it(cache, keys, loader, counting_loader):
    async with cache.fence(keys.user("u1")):
        inside = start_read(cache, keys.user("u1"), loader)
        await let_tasks_run()
    after = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    assert len(loader.loads) == 2
    loader.loads[1].set_result("new")
    assert await after == "new"
    loader.loads[0].set_result("old")
    assert await inside == "old"
    assert await cache.get_or_load(keys.user("u1"), counting_loader("unused")) == "new"


async def test_a_fence_whose_body_fails_invalidates_and_lets_the_error_through(cache, keys, loader, counting_loader):
    with pytest.raises(OSError, match="disk"):
        async with cache.fence(keys.user("u1"), keys.room("r1")):
            inside = start_read(cache, keys.user("u1"), loader)
            await let_tasks_run()
            raise OSError("disk")
    loader.loads[0].set_result("old")
    await inside
    load = counting_loader("new")
    assert [await cache.get_or_load(keys.user("u1"), load) for _ in range(2)] == ["new", "new"]
    assert load.count == 1


async def test_a_fence_whose_write_may_still_happen_refuses_fills_for_its_bound(cache, keys, counting_loader, clock):
    clock.now_s += FENCE_MAX_S / 2
    load = counting_loader("ada")
    with pytest.raises(StoreTimeout):
        async with cache.fence(keys.user("u1")):
            raise StoreTimeout("users.update")
    clock.now_s += FENCE_MAX_S - 0.001
    async with cache.fence(keys.user("u1")):
        pass  # another, whose write was answered
    for _ in range(2):
        await cache.get_or_load(keys.user("u1"), load)
    assert load.count == 2
    clock.now_s += 0.001
    for _ in range(2):
        await cache.get_or_load(keys.user("u1"), load)
    assert load.count == 3


async def test_keys_whose_write_may_still_happen_are_bounded(cache, keys, counting_loader, monkeypatch):
    monkeypatch.setattr(memory_cache, "UNCERTAIN_MAX", 2)
    for user_id in ("u1", "u2", "u3"):
        with pytest.raises(StoreTimeout):
            async with cache.fence(keys.user(user_id)):
                raise StoreTimeout("users.update")
    loads = {user_id: counting_loader("ada") for user_id in ("u1", "u2", "u3")}
    for user_id, load in loads.items():
        for _ in range(2):
            await cache.get_or_load(keys.user(user_id), load)
    assert [load.count for load in loads.values()] == [1, 2, 2]


async def test_a_fence_whose_body_is_cancelled_is_lowered(cache, keys, counting_loader):
    async def write() -> None:
        async with cache.fence(keys.user("u1")):
            await asyncio.get_running_loop().create_future()

    writer = asyncio.create_task(write())
    await let_tasks_run()
    writer.cancel()
    await let_tasks_run()
    assert writer.cancelled()
    load = counting_loader("new")
    assert [await cache.get_or_load(keys.user("u1"), load) for _ in range(2)] == ["new", "new"]
    assert load.count == 1


async def test_of_two_overlapping_fences_the_last_one_lets_fills_in_again(cache, keys, counting_loader):
    load = counting_loader("ada")
    async with cache.fence(keys.user("u1")):
        async with cache.fence(keys.user("u1")):
            pass
        await cache.get_or_load(keys.user("u1"), load)
        await cache.get_or_load(keys.user("u1"), load)
        assert load.count == 2
    await cache.get_or_load(keys.user("u1"), load)
    await cache.get_or_load(keys.user("u1"), load)
    assert load.count == 3


async def test_a_fence_that_is_never_lowered_refuses_fills_for_its_bound_only(cache, keys, counting_loader, clock):
    load = counting_loader("ada")
    async with cache.fence(keys.user("u1")):
        clock.now_s += FENCE_MAX_S - 0.001
        await cache.get_or_load(keys.user("u1"), load)
        clock.now_s += 0.001
        await cache.get_or_load(keys.user("u1"), load)
        await cache.get_or_load(keys.user("u1"), load)
        assert load.count == 2
    await cache.get_or_load(keys.user("u1"), load)
    assert load.count == 3  # the end of a fence invalidates, even after it expired


# ---- updates in place ------------------------------------------------------------------------------------------------


async def test_an_update_changes_the_value_that_is_here(cache, keys, counting_loader):
    await cache.get_or_load(keys.email("u1"), counting_loader(["a", "b"]))
    cache.update(keys.email("u1"), update_by(lambda ids: [*ids, "c"]))
    assert await cache.get_or_load(keys.email("u1"), counting_loader("unused")) == ["a", "b", "c"]


async def test_an_update_to_none_forgets_the_value(cache, keys, counting_loader):
    await cache.get_or_load(keys.email("u1"), counting_loader(["a", "b"]))
    cache.update(keys.email("u1"), update_by(lambda _: None))
    assert await cache.get_or_load(keys.email("u1"), counting_loader(["new"])) == ["new"]


async def test_an_update_that_fails_forgets_the_value(cache, keys, counting_loader):
    await cache.get_or_load(keys.email("u1"), counting_loader(["a", "b"]))
    with pytest.raises(ZeroDivisionError):
        cache.update(keys.email("u1"), update_by(lambda _: 1 / 0))
    assert await cache.get_or_load(keys.email("u1"), counting_loader(["new"])) == ["new"]


async def test_an_update_of_what_is_not_here_makes_nothing(cache, keys, counting_loader):
    asked = []
    cache.update(keys.email("u1"), update_by(asked.append))
    assert asked == [] and len(cache) == 0
    assert await cache.get_or_load(keys.email("u1"), counting_loader(["new"])) == ["new"]


async def test_an_update_forgets_a_cached_none_without_asking(cache, keys, counting_loader):
    asked = []
    await cache.get_or_load(keys.user("u1"), counting_loader(None))
    cache.update(keys.user("u1"), update_by(asked.append))
    assert asked == []
    assert await cache.get_or_load(keys.user("u1"), counting_loader("ada")) == "ada"


async def test_a_load_begun_before_an_update_does_not_fill_over_it(cache, keys, loader, counting_loader):
    before = start_read(cache, keys.email("u1"), loader)
    await let_tasks_run()
    cache.update(keys.email("u1"), update_by(lambda ids: [*ids, "c"]))
    after = start_read(cache, keys.email("u1"), loader)
    await let_tasks_run()
    assert len(loader.loads) == 2
    loader.loads[1].set_result(["a", "b", "c"])
    assert await after == ["a", "b", "c"]
    loader.loads[0].set_result(["a", "b"])
    assert await before == ["a", "b"]
    assert await cache.get_or_load(keys.email("u1"), counting_loader("unused")) == ["a", "b", "c"]


async def test_an_update_does_not_prolong_a_value(cache, keys, counting_loader, clock):
    await cache.get_or_load(keys.email("u1"), counting_loader(["a"]))
    clock.now_s += 299
    cache.update(keys.email("u1"), update_by(lambda ids: [*ids, "b"]))
    assert await cache.get_or_load(keys.email("u1"), counting_loader("unused")) == ["a", "b"]
    clock.now_s += 1
    assert await cache.get_or_load(keys.email("u1"), counting_loader(["new"])) == ["new"]


async def test_an_update_of_an_expired_value_forgets_it(cache, keys, counting_loader, clock):
    await cache.get_or_load(keys.email("u1"), counting_loader(["a"]))
    clock.now_s += 300
    cache.update(keys.email("u1"), update_by(lambda ids: [*ids, "b"]))
    assert await cache.get_or_load(keys.email("u1"), counting_loader(["new"])) == ["new"]


# ---- time and size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "ttl_s"), [("user", 300), ("session", 300), ("stats", 600)])
async def test_a_value_lives_for_its_kinds_ttl(cache, keys, counting_loader, clock, make, ttl_s):
    key = getattr(keys, make)("x")
    await cache.get_or_load(key, counting_loader("old"))
    clock.now_s += ttl_s - 0.001
    load = counting_loader("new")
    await cache.get_or_load(key, load)
    assert load.count == 0
    clock.now_s += 0.001
    assert await cache.get_or_load(key, load) == "new"


async def test_a_value_is_as_old_as_its_load(cache, keys, clock):
    async def slow():
        clock.now_s += 299
        return "old"

    async def quick():
        return "new"

    assert await cache.get_or_load(keys.user("u1"), slow) == "old"
    clock.now_s += 1
    assert await cache.get_or_load(keys.user("u1"), quick) == "new"


async def test_jitter_only_shortens_a_ttl_and_by_a_tenth_at_most(keys, counting_loader, clock, observer):
    cache = MemoryCache(observer=observer, now=clock, jitter=lambda: 0.999_999)
    await cache.get_or_load(keys.user("u1"), counting_loader("old"))
    clock.now_s += 270
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "old"
    clock.now_s += 0.001
    assert await cache.get_or_load(keys.user("u1"), counting_loader("new")) == "new"


async def test_none_is_believed_briefly(cache, keys, counting_loader, clock):
    load = counting_loader(None)
    assert [await cache.get_or_load(keys.user("u1"), load) for _ in range(2)] == [None, None]
    assert load.count == 1
    clock.now_s += NEGATIVE_TTL_S
    assert await cache.get_or_load(keys.user("u1"), counting_loader("ada")) == "ada"


async def test_a_ttl_of_zero_keeps_nothing(cache, counting_loader):
    key = Keys(CacheTtls(messages_s=0, users_s=0, stats_s=0)).user("u1")
    load = counting_loader("ada")
    assert [await cache.get_or_load(key, load) for _ in range(2)] == ["ada", "ada"]
    assert load.count == 2 and len(cache) == 0


async def test_past_its_bound_the_least_recently_used_goes(keys, counting_loader, clock, observer):
    cache = MemoryCache(observer=observer, now=clock, max_entries=3)
    for name in ("a", "b", "c"):
        await cache.get_or_load(keys.user(name), counting_loader(name))
    await cache.get_or_load(keys.user("a"), counting_loader("unused"))
    await cache.get_or_load(keys.user("d"), counting_loader("d"))
    assert len(cache) == 3
    assert await cache.get_or_load(keys.user("a"), counting_loader("again")) == "a"
    assert await cache.get_or_load(keys.user("b"), counting_loader("again")) == "again"


async def test_a_flood_of_keys_stays_within_both_bounds(keys, counting_loader, clock, observer):
    cache = MemoryCache(observer=observer, now=clock, max_entries=1_000, max_bytes=500_000)
    load = counting_loader("x")
    for index in range(5_000):
        await cache.get_or_load(keys.user(f"u{index}"), load)
        assert len(cache) <= 1_000 and cache.weight_bytes <= 500_000
    assert load.count == 5_000
    assert 0 < len(cache) < 1_000  # here the limit of bytes is reached first
    await cache.invalidate(*(keys.user(f"u{index}") for index in range(5_000)))
    assert len(cache) == 0 and cache.weight_bytes == 0


async def test_a_value_heavier_than_the_whole_cache_evicts_nothing(keys, counting_loader, clock, observer):
    cache = MemoryCache(observer=observer, now=clock, max_bytes=20_000)
    await cache.get_or_load(keys.user("u1"), counting_loader("ada"))
    huge = SimpleNamespace(description="x" * 5_000)
    assert await cache.get_or_load(keys.room("r1"), counting_loader(huge)) is huge
    assert len(cache) == 1
    assert await cache.get_or_load(keys.user("u1"), counting_loader("unused")) == "ada"


async def test_an_update_that_makes_a_value_heavier_counts(keys, counting_loader, clock, observer):
    cache = MemoryCache(observer=observer, now=clock, max_bytes=19_000)
    await cache.get_or_load(keys.user("u1"), counting_loader("ada"))
    grown = SimpleNamespace(description="x" * 4_200)
    await cache.get_or_load(keys.room("r1"), counting_loader(SimpleNamespace(description=None)))
    cache.update(keys.room("r1"), update_by(lambda _: grown))
    assert len(cache) == 1 and cache.weight_bytes <= 19_000
    assert await cache.get_or_load(keys.room("r1"), counting_loader("unused")) is grown


# ---- closing ---------------------------------------------------------------------------------------------------------


async def test_closing_cancels_the_loads_and_tells_their_askers(cache, keys, loader):
    asked = [start_read(cache, keys.user("u1"), loader), start_read(cache, keys.user("u1"), loader)]
    await let_tasks_run()
    await cache.invalidate(keys.user("u1"))  # close cancels detached loads too
    asked.append(start_read(cache, keys.user("u1"), loader))
    await let_tasks_run()
    await cache.close()
    assert [load.cancelled() for load in loader.loads] == [True, True]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CacheClosed] * 3


async def test_after_closing_asks_are_refused_and_writes_do_nothing(cache, keys, counting_loader):
    await cache.get_or_load(keys.user("u1"), counting_loader("ada"))
    await cache.close()
    await cache.close()
    load = counting_loader("ada")
    with pytest.raises(CacheClosed):
        await cache.get_or_load(keys.user("u1"), load)
    async with cache.fence(keys.user("u1")):
        cache.update(keys.user("u1"), update_by(lambda user: user))
        await cache.invalidate(keys.user("u1"))
    assert load.count == 0 and len(cache) == 0


# ---- no cache --------------------------------------------------------------------------------------------------------


async def test_without_a_cache_every_ask_is_a_load_of_its_own(keys, loader):
    cache: Cache = NoCache()
    first = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    async with cache.fence(keys.user("u1")):
        pass
    await cache.invalidate(keys.user("u1"))
    cache.update(keys.page("r1"), message_page.append(1, [b"{}"]))
    second = start_read(cache, keys.user("u1"), loader)
    await let_tasks_run()
    loader.loads[0].set_result("old")
    loader.loads[1].set_result("new")
    assert await asyncio.gather(first, second) == ["old", "new"]
    await cache.close()
