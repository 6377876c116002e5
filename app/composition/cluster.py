"""Builds the cache, bus, connection slots, limiter and snapshots that the settings choose: in this process's memory, or
in Redis, which several processes share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from app.deployment_check import CheckItem
from app.settings import Settings, SettingsError
from cache.contract import Cache
from cache.memory_cache import MemoryCache, NoCache
from cluster.contract import Bus, ConnectionSlots, Snapshots
from cluster.memory_bus import MemoryBus
from cluster.memory_connections_per_user import MemoryConnectionSlots
from cluster.memory_process_snapshots import MemorySnapshots
from limits import redis_limiter
from limits.contract import Limiter
from limits.memory_limiter import MemoryLimiter, NoLimiter
from limits.redis_limiter import RedisLimiter
from limits.whitelist import Whitelist, parse
from monitor.cache_counts import CacheCounts
from monitor.observer import Observer

if TYPE_CHECKING:
    from cluster.redis_connection import RedisOptions


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that processes share where there are several. `cache_name` is a field of /health.

    `cache_observer` is told of reads that are answered without the cache as a hit of it would be.
    """

    cache_name: str
    cache: Cache
    bus: Bus
    connection_slots: ConnectionSlots
    limiter: Limiter
    snapshots: Snapshots
    counts: CacheCounts
    cache_observer: Observer
    is_shared: bool


@asynccontextmanager
async def build_cluster(
    settings: Settings, *, process_id: str, counts: CacheCounts | None = None
) -> AsyncIterator[Cluster]:
    """Build the parts, and close them at the end. `counts` counts the cache's hits and misses.

    Redis need not be reachable yet.
    """
    counts = CacheCounts() if counts is None else counts
    async with (
        (_redis if settings.redis.configured else _local)(settings, counts, process_id) as backends,
        AsyncExitStack() as stack,
    ):
        for part in (backends.bus, backends.cache, backends.limiter):
            stack.push_async_callback(part.close)
        yield backends


@asynccontextmanager
async def _local(settings: Settings, counts: CacheCounts, process_id: str) -> AsyncIterator[Cluster]:
    cache: Cache = MemoryCache(observer=_observer(settings, counts)) if settings.cache.enabled else NoCache()
    name = "memory" if settings.cache.enabled else "off"
    limiter = _memory_limiter(settings)
    yield Cluster(
        cache_name=name,
        cache=cache,
        bus=MemoryBus(),
        connection_slots=MemoryConnectionSlots(),
        limiter=limiter,
        snapshots=MemorySnapshots(),
        counts=counts,
        cache_observer=_observer(settings, counts),
        is_shared=False,
    )


@asynccontextmanager
async def _redis(settings: Settings, counts: CacheCounts, process_id: str) -> AsyncIterator[Cluster]:
    # Imported only here, because the import of the driver takes long
    from cache.near_cache import NearCache
    from cache.redis_cache import RedisCache
    from cache.redis_scripts import SCRIPTS
    from cluster.redis_bus import RedisBus
    from cluster.redis_connection import RedisClient, RedisGone, RedisRefused, Script
    from cluster.redis_connections_per_user import SCRIPTS as SLOT_SCRIPTS
    from cluster.redis_connections_per_user import RedisConnectionSlots
    from cluster.redis_process_snapshots import RedisSnapshots

    options = options_of(settings)
    check = Script(redis_limiter.SCRIPT)
    client = RedisClient(options=options, scripts=(*SCRIPTS, *SLOT_SCRIPTS, check))
    limits = settings.limits
    limiter: Limiter = _memory_limiter(settings)
    on_up: list[Callable[[], None]] = []  # called in this order whenever the client has connected
    if limits.enabled:
        shared_limiter = RedisLimiter(
            run=lambda keys, args: client.run(check, keys, args),
            away=(RedisGone, RedisRefused),
            fallback=limiter,
            fail_closed=limits.fail_closed,
            policies=limits.policies,
            algorithm=limits.algorithm,
        )
        on_up.append(shared_limiter.redis_restored)
        limiter = shared_limiter
    bus = RedisBus(client=client, options=options, process_id=process_id)
    cache: Cache = NoCache()
    observer = _observer(settings, counts)
    if settings.cache.enabled:
        cache = NearCache(shared=RedisCache(client=client, observer=observer), bus=bus, observer=observer)
        on_up.append(cache.invalidate_all)
    on_up.append(bus.notify_if_restored)
    connection_slots = RedisConnectionSlots(
        client=client, max_per_user=settings.ws.max_connections_per_user, process_id=process_id
    )
    snapshots = RedisSnapshots(client=client, process_id=process_id)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        await client.start(on_up=on_up)
        stack.push_async_callback(bus.close)
        await bus.connect()
        name = "redis" if settings.cache.enabled else "off"
        yield Cluster(
            cache_name=name,
            cache=cache,
            bus=bus,
            connection_slots=connection_slots,
            limiter=limiter,
            snapshots=snapshots,
            counts=counts,
            cache_observer=observer,
            is_shared=True,
        )


def _memory_limiter(settings: Settings) -> Limiter:
    """The limiter that counts in this process alone."""
    limits = settings.limits
    if not limits.enabled:
        return NoLimiter()
    return MemoryLimiter(policies=limits.policies, algorithm=limits.algorithm)


def validate(settings: Settings) -> None:
    """Raises SettingsError for an entry of RATE_LIMIT_WHITELIST that is neither a user name nor a network."""
    try:
        parse(settings.limits.whitelist)
    except ValueError as error:
        raise SettingsError(f"RATE_LIMIT_WHITELIST: {error}") from error


def load_whitelist(settings: Settings) -> Whitelist:
    """The users and networks without limits. Raises SettingsError for a file that cannot be read or does not parse."""
    limits = settings.limits
    try:
        return Whitelist(entries=limits.whitelist, file=limits.whitelist_file)
    except (ValueError, OSError) as error:
        raise SettingsError(f"RATE_LIMIT_WHITELIST_FILE: {error}") from error


def options_of(settings: Settings) -> RedisOptions:
    """The options of the connections to Redis."""
    from cluster.redis_connection import RedisOptions

    redis = settings.redis
    return RedisOptions(
        host=redis.host,
        port=redis.port,
        password=redis.password,
        db=redis.db,
        url=redis.url,
        timeout_s=redis.timeout_ms / 1000,
    )


def check_items(settings: Settings) -> list[CheckItem]:
    """What the pre-deployment check runs for them."""
    if not settings.redis.configured:
        return []
    return [CheckItem("redis", lambda: _probe_redis(settings))]


async def _probe_redis(settings: Settings) -> str:
    """Which Redis answers. Raises RuntimeError for one that cannot be used."""
    from cluster.redis_connection import probe_redis

    return await probe_redis(options_of(settings))


def _observer(settings: Settings, counts: CacheCounts) -> Observer:
    return counts if settings.monitor.enabled else Observer()
