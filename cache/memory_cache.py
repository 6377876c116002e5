"""The cache of a single process: values in a bounded LRU, one load per key. Owns the loads, knows no store."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cache.bounded_values import BoundedValues
from cache.cache_inspection import CacheInspection
from cache.contract import FENCE_MAX_S, NEGATIVE_TTL_S, CacheClosed
from cache.keys_and_ttls import Key
from cache.single_flight import result_of
from cache.value_update import ValueUpdate
from common.task_shutdown import cancel_all
from monitor.observer import Observer
from store.errors import StoreTimeout

T = TypeVar("T")

JITTER = 0.1  # values live 90 to 100 % of their TTL, so that values filled together do not expire together
UNCERTAIN_MAX = 10_000  # keys; past them the earliest may be filled again


class _Fence:
    __slots__ = ("count", "until_s")

    def __init__(self) -> None:
        self.count = 0
        self.until_s = 0.0


class MemoryCache:
    """At most `max_entries` values and about `max_bytes` (by KeyKind.weigh); the least recently used are evicted.

    `now` is a monotonic clock in seconds. The Observer gets one miss per load; a caller that shares a load is a hit.
    """

    def __init__(
        self,
        *,
        observer: Observer,
        max_entries: int = 50_000,
        max_bytes: int = 64 * 1024 * 1024,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._observer = observer
        self._now = now
        self._jitter = jitter
        self._values = BoundedValues(max_entries=max_entries, max_bytes=max_bytes, now=now)
        # A load holds its key's lease while it is in this table. Once removed, it can neither fill nor be shared.
        self._leases: dict[str, asyncio.Task[Any]] = {}
        # All loads under way: bounded by the callers, and the callers that were cancelled within the store's deadline.
        self._loads: set[asyncio.Task[Any]] = set()
        self._fences: dict[str, _Fence] = {}
        self._uncertain: OrderedDict[str, float] = OrderedDict()  # key → until when no load fills, the earliest first
        self._closed = False

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight_bytes(self) -> int:
        """Estimated size of all that is held."""
        return self._values.weight_bytes

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        entry = self._values.find(key.name)
        if entry is not None:
            self._observer.cache_read(key.kind.name, "hit")
            value: T = entry.value
            return value
        return await self._load_shared(key, load)

    async def invalidate(self, *keys: Key[object]) -> None:
        self._forget(keys)

    @asynccontextmanager
    async def fence(self, *keys: Key[object]) -> AsyncIterator[None]:
        self._forget(keys)
        for key in keys:
            fence = self._fences.setdefault(key.name, _Fence())
            fence.count += 1
            fence.until_s = self._now() + FENCE_MAX_S
        try:
            yield
        except StoreTimeout:
            self._refuse_fills(keys)
            raise
        finally:
            for key in keys:
                fence = self._fences[key.name]
                fence.count -= 1
                if not fence.count:
                    del self._fences[key.name]
            self._forget(keys)

    def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        """See the contract. An error of `update.apply` is raised, and the value forgotten."""
        self._leases.pop(key.name, None)
        self._values.update(key, update.apply)

    def invalidate_all(self) -> None:
        self._leases.clear()
        self._values.clear()

    def forget_here(self, names: Sequence[str]) -> None:
        """No other process writes what is kept here."""

    async def inspect(self) -> CacheInspection:
        values = self._values
        return CacheInspection(
            "memory", entries=len(values), used_bytes=values.weight_bytes, max_bytes=values.max_bytes
        )

    def ensure_generation(self) -> None:
        """Memory loses nothing."""

    async def close(self) -> None:
        self._closed = True
        await cancel_all(self._loads)
        self._leases.clear()
        self._values.clear()

    # ---- loading -------------------------------------------------------------------------------------------------

    async def _load_shared(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise CacheClosed
        task: asyncio.Task[T] | None = self._leases.get(key.name)
        if task is None:
            self._observer.cache_read(key.kind.name, key.kind.miss)
            task = asyncio.create_task(self._load(key, load, may_fill=not self._is_fenced(key.name)))
            self._leases[key.name] = task
            self._loads.add(task)
            task.add_done_callback(self._on_load_end)
        else:
            self._observer.cache_read(key.kind.name, "hit")
        try:
            return await result_of(task)
        finally:
            del task  # as in result_of

    async def _load(self, key: Key[T], load: Callable[[], Awaitable[T]], *, may_fill: bool) -> T:
        name = key.name
        began_s = self._now()
        task = asyncio.current_task()
        holds_lease = False
        try:
            value = await load()
        finally:
            if self._leases.get(name) is task:
                del self._leases[name]
                holds_lease = True
            del task  # as above
        if holds_lease and may_fill:
            ttl_s = key.kind.ttl_s * (1.0 - JITTER * self._jitter())
            if value is None:
                ttl_s = min(ttl_s, NEGATIVE_TTL_S)
            if ttl_s > 0:
                self._values.keep(key, value, began_s + ttl_s)  # its age counts from the begin of its load
        else:
            self._observer.cache_read(key.kind.name, "stale_fill")
        return value

    def _on_load_end(self, task: asyncio.Task[Any]) -> None:
        self._loads.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved: its callers have it, unless all were cancelled

    def _refuse_fills(self, keys: tuple[Key[object], ...]) -> None:
        """Let no load of these fill for FENCE_MAX_S: a write of them may still happen."""
        now_s = self._now()
        waiting = self._uncertain
        while waiting and (len(waiting) >= UNCERTAIN_MAX or next(iter(waiting.values())) <= now_s):
            waiting.popitem(last=False)
        for key in keys:
            waiting[key.name] = now_s + FENCE_MAX_S
            waiting.move_to_end(key.name)

    def _is_fenced(self, name: str) -> bool:
        if self._uncertain and self._now() < self._uncertain.get(name, 0.0):
            return True
        fence = self._fences.get(name)
        return fence is not None and self._now() < fence.until_s

    def _forget(self, keys: tuple[Key[object], ...]) -> None:
        for key in keys:
            self._leases.pop(key.name, None)
            self._values.drop(key.name)


class NoCache:
    """CACHE_ENABLED=false: every call runs its own load."""

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        return await load()

    async def invalidate(self, *keys: Key[object]) -> None:
        """Nothing is kept."""

    @asynccontextmanager
    async def fence(self, *keys: Key[object]) -> AsyncIterator[None]:
        yield

    def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        """Nothing is kept."""

    def invalidate_all(self) -> None:
        """Nothing is kept."""

    def forget_here(self, names: Sequence[str]) -> None:
        """Nothing is kept."""

    async def inspect(self) -> CacheInspection:
        return CacheInspection("off")

    def ensure_generation(self) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """Nothing is kept."""
