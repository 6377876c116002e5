"""The cache that several processes share: values in Redis under leases, so that a load that began before a write cannot
fill after it.

A value carries the generation in which it was filled. A process that connects or reconnects, or that finds another
process dead, begins a new generation: invalidations may have been lost while Redis was unreachable, so older values are
not used any more. Without Redis nothing is kept; callers of one process still share a load.
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

from cache.cache_inspection import CacheInspection
from cache.contract import FENCE_MAX_S, NEGATIVE_TTL_S, CacheClosed
from cache.keys_and_ttls import Key
from cache.redis_inspection import inspect_redis
from cache.redis_scripts import FILL_VALUE, LOWER_FENCE, RAISE_FENCE, READ_VALUE
from cache.single_flight import result_of
from cache.value_update import ValueUpdate
from cluster.redis_connection import RedisClient, RedisGone, RedisRefused
from cluster.redis_keys import GENERATION
from common.task_shutdown import cancel_all
from monitor.observer import Observer
from store.errors import StoreTimeout

T = TypeVar("T")

logger = logging.getLogger(__name__)

JITTER = 0.1  # values live 90 to 100 % of their TTL, so that what was filled together does not expire together
LEASE_MS = 10_000  # a load that takes longer does not fill
FILL_LATE_S = 0.5  # the most by which a value may outlive its TTL
LOCAL_LOAD_SHARED_S = 1.0  # a load without Redis is shared no longer: writes of other processes do not detach it


class _LocalLoad(Struct, frozen=True):
    """A load under way without a lease in Redis."""

    task: asyncio.Task[Any]
    started_at_s: float


class RedisCache:
    """cache.contract.Cache on Redis. A hit is one command; a miss is two, the second of which no caller waits for."""

    def __init__(self, *, client: RedisClient, observer: Observer, jitter: Callable[[], float] = random.random) -> None:
        self._client = client
        self._observer = observer
        self._jitter = jitter
        # All three are bounded by the callers, and the callers that were cancelled within the store's deadline.
        self._leased_loads: dict[tuple[str, bytes], asyncio.Task[Any]] = {}
        self._local_loads: dict[str, _LocalLoad] = {}  # by key, until this process writes it
        self._loads: set[asyncio.Task[Any]] = set()  # all of them
        self._fills: set[asyncio.Future[Any]] = set()
        self._has_logged_garbage = False
        self._closed = False

    def invalidate_all(self) -> None:
        """Begin a new generation: no process uses a value any more that is in Redis now.

        To be called whenever the client has connected, before any other command.
        """
        self._local_loads.clear()
        self._client.send("DEL", GENERATION)  # without one nothing is read or filled: a full memory may refuse the SET
        self.ensure_generation()

    def ensure_generation(self) -> None:
        """Begin a generation if there is none, as after a FLUSHALL or a full memory; called every few seconds."""
        self._client.send("SET", GENERATION, secrets.token_hex(4), "NX")

    def forget_here(self, names: Sequence[str]) -> None:
        """Stop sharing loads without Redis with later callers. What is in Redis, whoever invalidated it has deleted."""
        if not names:
            self._local_loads.clear()
        for name in names:
            self._local_loads.pop(name, None)

    async def inspect(self) -> CacheInspection:
        return await inspect_redis(self._client)

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        return (await self.read(key, load))[0]

    async def read(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """As `get_or_load`; also whether the value may be kept for readers after this one: Redis answered, no fence
        stood, and the value is no older than this call.
        """
        if self._closed:
            raise CacheClosed
        kind, name = key.kind, key.name
        value_key, lease_key, fence_key = _redis_keys(name)
        started_s = time.perf_counter()
        try:
            keys = [value_key, lease_key, fence_key, GENERATION]
            reply = await self._client.run(READ_VALUE, keys, [secrets.token_hex(8), LEASE_MS])
        except (RedisGone, RedisRefused) as error:
            self._observer.cache_read(kind.name, "error", time.perf_counter() - started_s)
            if "WRONGTYPE" in str(error):
                self._discard_garbage(name, error)
                self.invalidate_all()  # it may be the generation
            return await self._load_locally(key, load), False
        if self._closed:
            raise CacheClosed
        seconds = time.perf_counter() - started_s
        if isinstance(reply, bytes):
            try:
                value: T = kind.unpack(reply)
            except (ValueError, RecursionError) as error:
                self._discard_garbage(name, error)
                return await self._load_locally(key, load), False
            self._observer.cache_read(kind.name, "hit", seconds)
            return value, True
        token, may_fill = reply[0], len(reply) == 1
        is_first = (name, token) not in self._leased_loads  # who comes later gets what was read before it asked
        return await self._load_shared(key, token, load, seconds, may_fill=may_fill), may_fill and is_first

    async def invalidate(self, *keys: Key[object]) -> None:
        if keys:
            self._forget(keys)

    @asynccontextmanager
    async def fence(self, *keys: Key[object]) -> AsyncIterator[None]:
        redis_keys = [redis_key for key in keys for redis_key in _redis_keys(key.name)]
        token = secrets.token_hex(8)
        self._detach(keys)
        try:
            try:
                await self._client.run(RAISE_FENCE, redis_keys, [token, int(FENCE_MAX_S * 1000)])
            except (RedisGone, RedisRefused):
                # The write goes on: a connection that comes back begins a new generation. Where Redis refused it, the
                # connection stands, and only the count shows it.
                self._observer.cache_read("fence", "error")
            yield
        except StoreTimeout:  # the write may still happen: the fence is raised anew, and expires
            self._detach(keys)
            self._client.send("EVALSHA", RAISE_FENCE.sha, len(redis_keys), *redis_keys, token, int(FENCE_MAX_S * 1000))
            raise
        except BaseException:
            self._lower_fence(keys, redis_keys, token)
            raise
        self._lower_fence(keys, redis_keys, token)

    def _lower_fence(self, keys: tuple[Key[object], ...], redis_keys: list[str], token: str) -> None:
        self._detach(keys)
        self._client.send("EVALSHA", LOWER_FENCE.sha, len(redis_keys), *redis_keys, token)

    def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        """Forget the value. A script that changes it in place cost each message more than the loads that it saved: what
        readers of this process have, the near cache updates, and an open room's page comes from the hub.
        """
        self._forget((key,))

    async def close(self) -> None:
        self._closed = True
        await cancel_all(self._loads)

    async def _load_shared(
        self, key: Key[T], token: bytes, load: Callable[[], Awaitable[T]], seconds: float, *, may_fill: bool
    ) -> T:
        """Share one load per lease.

        A caller with another token came after an invalidation, and must not get a value that was loaded before it.
        """
        lease = key.name, token
        task: asyncio.Task[T] | None = self._leased_loads.get(lease)
        if task is None:
            self._observer.cache_read(key.kind.name, key.kind.miss, seconds)
            task = self._start_load(self._load(key, token, load) if may_fill else _run(load))
            self._leased_loads[lease] = task
            task.add_done_callback(lambda _: self._leased_loads.pop(lease, None))
        else:
            self._observer.cache_read(key.kind.name, "hit", seconds)
        try:
            return await result_of(task)
        finally:
            del task  # as in result_of

    async def _load_locally(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """Share one load per key without Redis: a write of this process detaches it, and it is shared for a second."""
        if self._closed:
            raise CacheClosed
        now_s = asyncio.get_running_loop().time()
        local = self._local_loads.get(key.name)
        if local is None or local.task.done() or now_s - local.started_at_s > LOCAL_LOAD_SHARED_S:
            local = _LocalLoad(self._start_load(_run(load)), now_s)
            self._local_loads[key.name] = local
            local.task.add_done_callback(lambda done: self._forget_local_load(key.name, done))
        task: asyncio.Task[T] = local.task
        del local
        try:
            return await result_of(task)
        finally:
            del task  # as in result_of

    def _forget_local_load(self, name: str, done: asyncio.Task[Any]) -> None:
        local = self._local_loads.get(name)
        if local is not None and local.task is done:
            del self._local_loads[name]

    def _forget(self, keys: Sequence[Key[object]]) -> None:
        self._detach(keys)
        self._client.send("DEL", *(redis_key for key in keys for redis_key in _keys_to_delete(key.name)))

    def _detach(self, keys: Sequence[Key[object]]) -> None:
        """Stop sharing loads without Redis with later callers; for loads with a lease, Redis deletes the lease."""
        if self._local_loads:
            for key in keys:
                self._local_loads.pop(key.name, None)

    def _start_load(self, load: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(load)
        self._loads.add(task)
        task.add_done_callback(self._on_load_end)
        return task

    async def _load(self, key: Key[T], token: bytes, load: Callable[[], Awaitable[T]]) -> T:
        began_s = time.monotonic()
        value = await load()
        ttl_s = key.kind.ttl_s * (1.0 - JITTER * self._jitter())
        if value is None:
            ttl_s = min(ttl_s, NEGATIVE_TTL_S)
        sent_s = time.monotonic()
        ttl_s -= sent_s - began_s  # its age counts from the begin of its load
        if ttl_s > 0:
            self._fill(key, token, key.kind.pack(value), int(ttl_s * 1000), sent_s)
        return value

    def _fill(self, key: Key[Any], token: bytes, payload: bytes, ttl_ms: int, sent_s: float) -> None:
        value_key, lease_key, _ = _redis_keys(key.name)
        try:
            filling = self._client.call(
                "EVALSHA", FILL_VALUE.sha, 3, value_key, lease_key, GENERATION, token, payload, ttl_ms
            )
        except RedisGone:
            return
        self._fills.add(filling)
        filling.add_done_callback(lambda done: self._on_fill_end(key, sent_s, done))

    def _on_fill_end(self, key: Key[Any], sent_s: float, filling: asyncio.Future[Any]) -> None:
        self._fills.discard(filling)
        if filling.cancelled() or filling.exception() is not None:
            self._observer.cache_read(key.kind.name, "error")
        elif not filling.result():
            self._observer.cache_read(key.kind.name, "stale_fill")
        elif time.monotonic() - sent_s > FILL_LATE_S:
            self._client.send("DEL", key.name)  # Redis began to count its TTL late

    def _on_load_end(self, task: asyncio.Task[Any]) -> None:
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: its callers have it, unless all were cancelled

    def _discard_garbage(self, name: str, error: Exception) -> None:
        """Delete a value under one of our keys that this server cannot have written; logged once."""
        self._observer.cache_read("garbage", "error")
        if not self._has_logged_garbage:
            self._has_logged_garbage = True
            logger.warning("a cached value cannot be read and is thrown away: %s", error)
        self._client.send("DEL", *_redis_keys(name), *_keys_to_delete(name))


async def _run(load: Callable[[], Awaitable[T]]) -> T:
    return await load()


def _redis_keys(name: str) -> tuple[str, str, str]:
    """The Redis keys of a value, its lease and its fences."""
    return name, f"{name}:lease", f"{name}:fence"


def _keys_to_delete(name: str) -> tuple[str, str, str]:
    """The Redis keys that an invalidation deletes: value, lease, token of loads that may not fill (read_value.lua)."""
    return name, f"{name}:lease", f"{name}:lease:shared"
