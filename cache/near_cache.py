"""The cache of one process in front of the cache that all processes share, so that most reads need no network.

A value is kept here for NEAR_MAX_AGE_S at most after the read of the shared cache that brought it. It is dropped at
once when this process invalidates it, and when the event of another process comes that did. Events may be late or lost;
the age bounds what that can cost. While the bus is lost nothing is read from here, and when it is back nothing is left
of what was here before (docs/decisions/0036).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeVar

from cache.bounded_values import BoundedValues
from cache.cache_inspection import CacheInspection
from cache.contract import Cache
from cache.keys_and_ttls import Key
from cache.value_update import ValueUpdate
from cluster.events import CacheInvalidated
from cluster.topics import CACHE
from monitor.observer import Observer

T = TypeVar("T")

# The contract lets cached values be old for 1 s; the rest is for what a reply takes.
NEAR_MAX_AGE_S = 0.9
NAMES_MAX = 100  # keys in one event; an invalidation of more of them drops everything


class SharedCache(Cache, Protocol):
    """The cache behind this one."""

    async def read(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """As `get_or_load`; also whether the value may be kept for readers after this one."""


class InvalidationBus(Protocol):
    """What this module needs of the bus between processes."""

    @property
    def lost(self) -> bool: ...

    def publish(self, topic: str, event: object) -> None: ...


class _Reads:
    """The reads of one key that are under way; `count` of them. They may keep what they bring while they are known."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class NearCache:
    """cache.contract.Cache in front of `shared`: at most `max_entries` values and about `max_bytes`.

    `now` is a monotonic clock in seconds. The Observer gets a hit for each value that is found here.
    """

    def __init__(
        self,
        *,
        shared: SharedCache,
        bus: InvalidationBus,
        observer: Observer,
        max_entries: int = 50_000,
        max_bytes: int = 64 * 1024 * 1024,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._bus = bus
        self._observer = observer
        self._now = now
        self._values = BoundedValues(max_entries=max_entries, max_bytes=max_bytes, now=now)
        self._reads: dict[str, _Reads] = {}  # bounded by the callers

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight_bytes(self) -> int:
        """Estimated size of all that is held here."""
        return self._values.weight_bytes

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        if self._bus.lost:
            return await self._shared.get_or_load(key, load)
        entry = self._values.find(key.name)
        if entry is not None:
            self._observer.cache_read(key.kind.name, "hit")
            found: T = entry.value
            return found
        return await self._read(key, load)

    async def invalidate(self, *keys: Key[object]) -> None:
        if keys:
            names = [key.name for key in keys]
            self.forget_here(names)
            await self._shared.invalidate(*keys)
            self._publish(names)

    def fence(self, *keys: Key[object]) -> AbstractAsyncContextManager[None]:
        """See the contract. Other processes drop the values before the commit and after it: in between, the fence in
        the shared cache keeps them from keeping what they load.
        """
        return self._fence(keys)

    @asynccontextmanager
    async def _fence(self, keys: tuple[Key[object], ...]) -> AsyncIterator[None]:
        names = [key.name for key in keys]
        self.forget_here(names)
        try:
            async with self._shared.fence(*keys):
                self._publish(names)
                yield
        finally:
            self.forget_here(names)
            self._publish(names)

    def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        """See the contract. Other processes are not told: they have the values for NEAR_MAX_AGE_S at most."""
        self._shared.update(key, update)
        self._reads.pop(key.name, None)
        self._values.update(key, update.apply)

    def invalidate_all(self) -> None:
        self.forget_here(())
        self._shared.invalidate_all()
        self._publish(())

    def forget_here(self, names: Sequence[str]) -> None:
        self._shared.forget_here(names)
        if not names:
            self._reads.clear()
            self._values.clear()
        for name in names:
            self._reads.pop(name, None)
            self._values.drop(name)

    async def inspect(self) -> CacheInspection:
        return await self._shared.inspect()

    def ensure_generation(self) -> None:
        self._shared.ensure_generation()

    async def close(self) -> None:
        self._values.clear()
        await self._shared.close()

    async def _read(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """Read from the shared cache, and keep the value if nothing was heard of it meanwhile."""
        name, began_s = key.name, self._now()
        reads = self._reads.get(name)
        if reads is None:
            reads = self._reads[name] = _Reads()
        reads.count += 1
        try:
            value, may_keep = await self._shared.read(key, load)
        finally:
            reads.count -= 1
            stands = self._reads.get(name) is reads
            if stands and not reads.count:
                del self._reads[name]
        expires_s = began_s + min(key.kind.ttl_s, NEAR_MAX_AGE_S)
        if stands and may_keep and self._now() < expires_s and not self._bus.lost:
            self._values.keep(key, value, expires_s)
        return value

    def _publish(self, names: Sequence[str]) -> None:
        self._bus.publish(CACHE, CacheInvalidated(tuple(names) if len(names) <= NAMES_MAX else ()))
