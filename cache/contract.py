"""What every cache backend promises. Owns the guarantees, knows no driver.

A cache is never the truth: it may forget anything at any moment, and a caller that needs certainty asks the store.
Cached values are shared between all callers: nobody may change one in place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from cache.cache_inspection import CacheInspection
from cache.keys_and_ttls import Key
from cache.value_update import ValueUpdate

T = TypeVar("T")

FENCE_MAX_S = 10.0  # a fence refuses fills no longer than this, in case the process that raised it was killed
NEGATIVE_TTL_S = 3.0  # how long a loaded None is kept


class CacheClosed(Exception):
    """The cache was closed before the value was loaded."""


class Cache(Protocol):
    """Values by typed key, each for its TTL at most.

    A value that `get_or_load` returns was loaded after every `invalidate`, `update` or fence exit of its key that
    returned before the call in this process: a reader that asks after a write was announced here never gets the value
    before the write. What another process invalidates is forgotten here when its event comes, and NEAR_MAX_AGE_S later
    at the latest (cache/near_cache.py).
    """

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value, or load it.

        Callers that ask for one key at once share one load; a caller that is cancelled does not cancel it for the
        others. An error of the load reaches all who wait for it and is not cached. None is cached, for NEGATIVE_TTL_S
        at most. A load does not fill the cache if an `invalidate`, `update` or fence of its key came after its begin.
        Raises CacheClosed, and what `load` raises.
        """

    async def invalidate(self, *keys: Key[object]) -> None:
        """Forget the values and detach loads under way: these answer the callers that wait, but do not fill."""

    def fence(self, *keys: Key[object]) -> AbstractAsyncContextManager[None]:
        """Surround the commit of a rare write: the values are forgotten, and no load fills until the end.

        The fence ends after FENCE_MAX_S at the latest. At its end, also where the body failed or was cancelled, the
        keys are invalidated again. Fences may overlap. Where the body raised StoreTimeout, the write may still happen,
        and no load fills for another FENCE_MAX_S.
        """

    def update(self, key: Key[T], update: ValueUpdate[T]) -> None:
        """Change a value that is cached, without loading it; without a cached value nothing is made.

        Loads under way are detached. The value keeps its expiry; a cached None is forgotten. A cache that processes
        share forgets the value instead: the next reader loads it.
        """

    def invalidate_all(self) -> None:
        """Forget every value in every process: an invalidation may have been lost."""

    def forget_here(self, names: Sequence[str]) -> None:
        """Forget values in this process alone, by the names of their keys: another process invalidated them. Without
        names, forget all: what others invalidated may not have been received.
        """

    async def inspect(self) -> CacheInspection:
        """Return the state of the backend. Raises CacheUnreachable."""

    def ensure_generation(self) -> None:
        """Restore what the backend may have lost; called every few seconds."""

    async def close(self) -> None:
        """Cancel the loads, whose callers get CacheClosed, and release everything. Idempotent."""
