"""The cache that several processes share: values in Redis under leases, so that a load which began before a write
cannot fill after it.

A value carries the generation in which it was filled. Whoever (re)connects, and whoever finds a process dead, begins a
new generation: what was invalidated while Redis could not be told is not believed any more. Without Redis nothing is
kept, and askers still share a load.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import Struct

from cache.cache_state import CacheAway, CacheState
from cache.contract import FENCE_MAX_S, NEGATIVE_TTL_S, CacheClosed
from cache.keys import Key
from cache.redis_scripts import FENCE, FILL, LOWER, READ, UPDATES
from cache.shared_load import result_of
from cache.value_update import ValueUpdate
from cluster.redis_connection import RedisClient, RedisGone, RedisRefused
from cluster.redis_keys import GENERATION
from monitor.observer import Observer

T = TypeVar("T")

logger = logging.getLogger(__name__)

JITTER = 0.1  # values live 90 to 100 % of their TTL, so that what was filled together does not expire together
LEASE_MS = 10_000  # a load that takes longer does not fill
FILL_LATE_S = 0.5  # by so much more than its TTL a value may live
SHARED_FOR_S = 1.0  # a load without Redis is joined no later: what other processes write meanwhile is not heard


class _Alone(Struct, frozen=True):
    """A load under way of which Redis does not know."""

    task: asyncio.Task[Any]
    begun_s: float


class RedisCache:
    """cache.contract.Cache on Redis. A hit is one command; a miss two, the second of which nobody waits for."""

    def __init__(self, *, client: RedisClient, observer: Observer, jitter: Callable[[], float] = random.random) -> None:
        self._client = client
        self._observer = observer
        self._jitter = jitter
        # No more than there are askers, and cancelled askers for as long as the store's deadline: the same for all
        # three.
        self._flights: dict[tuple[str, bytes], asyncio.Task[Any]] = {}
        self._alone: dict[str, _Alone] = {}  # by key, for as long as nothing of ours was written since
        self._loads: set[asyncio.Task[Any]] = set()  # all of them
        self._fills: set[asyncio.Future[Any]] = set()
        self._garbled = False
        self._closed = False
        client.on_up.append(self.invalidate_all)

    def invalidate_all(self) -> None:
        """Begin a new generation: nothing that is in Redis now is believed any more, by anybody."""
        self._alone.clear()
        self._client.send("DEL", GENERATION)  # without one nothing is read or filled: a full memory may refuse the next
        self.ensure_generation()

    def ensure_generation(self) -> None:
        """Begin a generation where there is none, after a FLUSHALL or a full memory; called every few seconds."""
        self._client.send("SET", GENERATION, secrets.token_hex(4), "NX")

    async def inspect(self) -> CacheState:
        started_s = time.perf_counter()
        try:
            await self._client.call("PING")
            latency_ms = round((time.perf_counter() - started_s) * 1000, 3)
            told, entries = await asyncio.gather(self._client.call("INFO"), self._client.call("DBSIZE"))
        except (RedisGone, RedisRefused) as error:
            raise CacheAway(str(error)) from error
        info = dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
        numbers = {
            name: int(info[name])
            for name in ("used_memory", "maxmemory", "evicted_keys", "connected_clients")
            if name in info
        }
        return CacheState(
            "redis",
            entries=entries,
            used_bytes=numbers.get("used_memory"),
            max_bytes=numbers.get("maxmemory") or None,  # 0: no bound
            evictions=numbers.get("evicted_keys"),
            clients=numbers.get("connected_clients"),
            latency_ms=latency_ms,
        )

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise CacheClosed
        kind, name = key.kind, key.name
        value_key, lease_key, fence_key = _places(name)
        asked_s = time.perf_counter()
        try:
            keys = [value_key, lease_key, fence_key, GENERATION]
            reply = await self._client.run(READ, keys, [secrets.token_hex(8), LEASE_MS])
        except (RedisGone, RedisRefused) as error:
            self._observer.cache_read(kind.name, "error", time.perf_counter() - asked_s)
            if "WRONGTYPE" in str(error):
                self._throw_away(name, error)
                self.invalidate_all()  # it may be the generation
            return await self._loaded_alone(key, load)
        if self._closed:
            raise CacheClosed
        seconds = time.perf_counter() - asked_s
        if isinstance(reply, bytes):
            try:
                value: T = kind.unpack(reply)
            except (ValueError, RecursionError) as error:
                self._throw_away(name, error)
                return await self._loaded_alone(key, load)
            self._observer.cache_read(kind.name, "hit", seconds)
            return value
        return await self._loaded(key, reply[0], load, seconds, may_fill=len(reply) == 1)

    async def invalidate(self, *keys: Key[object]) -> None:
        if keys:
            self._detach(keys)
            self._client.send("DEL", *(place for key in keys for place in _forgotten(key.name)))

    @asynccontextmanager
    async def fence(self, *keys: Key[object]) -> AsyncIterator[None]:
        places = [place for key in keys for place in _places(key.name)]
        token = secrets.token_hex(8)
        self._detach(keys)
        try:
            try:
                await self._client.run(FENCE, places, [token, int(FENCE_MAX_S * 1000)])
            except (RedisGone, RedisRefused):
                # The write goes on. A connection that comes back begins a new generation; an error is no connection's.
                self._observer.cache_read("fence", "error")
            yield
        finally:
            self._detach(keys)
            self._client.send("EVALSHA", LOWER.sha, len(places), *places, token)

    async def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        name, script = key.name, update.script
        self._alone.pop(name, None)
        value_key, lease_key, _ = _places(name)
        places = (value_key, lease_key, *[name + suffix for suffix in script.own_suffixes], GENERATION)
        self._client.send("EVALSHA", UPDATES[script.name].sha, len(places), *places, *update.arguments)

    async def close(self) -> None:
        self._closed = True
        loads = list(self._loads)
        for task in loads:
            task.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    async def _loaded(
        self, key: Key[T], token: bytes, load: Callable[[], Awaitable[T]], seconds: float, *, may_fill: bool
    ) -> T:
        """One load a lease: who has another token asked after an invalidation, and must not get what was loaded before
        it.
        """
        flight = key.name, token
        task: asyncio.Task[T] | None = self._flights.get(flight)
        if task is None:
            self._observer.cache_read(key.kind.name, key.kind.miss, seconds)
            task = self._began(self._load(key, token, load) if may_fill else _run(load))
            self._flights[flight] = task
            task.add_done_callback(lambda _: self._flights.pop(flight, None))
        else:
            self._observer.cache_read(key.kind.name, "hit", seconds)
        try:
            return await result_of(task)
        finally:
            del task  # as in result_of

    async def _loaded_alone(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """One load a key also where Redis has no part in it: what is written here detaches it, and nobody joins it
        late.
        """
        if self._closed:
            raise CacheClosed
        now_s = asyncio.get_running_loop().time()
        alone = self._alone.get(key.name)
        if alone is None or alone.task.done() or now_s - alone.begun_s > SHARED_FOR_S:
            alone = _Alone(self._began(_run(load)), now_s)
            self._alone[key.name] = alone
            alone.task.add_done_callback(lambda done: self._left_alone(key.name, done))
        task: asyncio.Task[T] = alone.task
        del alone
        try:
            return await result_of(task)
        finally:
            del task  # as in result_of

    def _left_alone(self, name: str, done: asyncio.Task[Any]) -> None:
        alone = self._alone.get(name)
        if alone is not None and alone.task is done:
            del self._alone[name]

    def _detach(self, keys: Sequence[Key[object]]) -> None:
        """Let nobody who asks from now on share what is loaded without Redis; what it knows of, it is told of."""
        if self._alone:
            for key in keys:
                self._alone.pop(key.name, None)

    def _began(self, load: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(load)
        self._loads.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _load(self, key: Key[T], token: bytes, load: Callable[[], Awaitable[T]]) -> T:
        began_s = time.monotonic()
        value = await load()
        ttl_s = key.kind.ttl_s * (1.0 - JITTER * self._jitter())
        if value is None:
            ttl_s = min(ttl_s, NEGATIVE_TTL_S)
        sent_s = time.monotonic()
        ttl_s -= sent_s - began_s  # it is as old as its load
        if ttl_s > 0:
            self._fill(key, token, key.kind.pack(value), int(ttl_s * 1000), sent_s)
        return value

    def _fill(self, key: Key[Any], token: bytes, payload: bytes, ttl_ms: int, sent_s: float) -> None:
        value_key, lease_key, _ = _places(key.name)
        try:
            filling = self._client.call(
                "EVALSHA", FILL.sha, 3, value_key, lease_key, GENERATION, token, payload, ttl_ms
            )
        except RedisGone:
            return
        self._fills.add(filling)
        filling.add_done_callback(lambda done: self._filled(key, sent_s, done))

    def _filled(self, key: Key[Any], sent_s: float, filling: asyncio.Future[Any]) -> None:
        self._fills.discard(filling)
        if filling.cancelled() or filling.exception() is not None:
            self._observer.cache_read(key.kind.name, "error")
        elif not filling.result():
            self._observer.cache_read(key.kind.name, "stale_fill")
        elif time.monotonic() - sent_s > FILL_LATE_S:
            self._client.send("DEL", key.name)  # Redis began to count its time late

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()  # its askers have it; if they all went away, nobody needs it

    def _throw_away(self, name: str, error: Exception) -> None:
        """What stands under a key of ours is not ours."""
        self._observer.cache_read("garbage", "error")
        if not self._garbled:
            self._garbled = True
            logger.warning("a cached value cannot be read and is thrown away: %s", error)
        self._client.send("DEL", *_places(name), *_forgotten(name))


async def _run(load: Callable[[], Awaitable[T]]) -> T:
    return await load()


def _places(name: str) -> tuple[str, str, str]:
    """Where the value of a key, its lease and its fences are."""
    return name, f"{name}:lease", f"{name}:fence"


def _forgotten(name: str) -> tuple[str, str, str]:
    """What an invalidation takes away: the value, its lease, and what those share who may not fill (see read.lua)."""
    return name, f"{name}:lease", f"{name}:lease:shared"
