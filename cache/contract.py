"""What every cache backend promises. Owns the guarantees, knows no driver.

A cache is never the truth: it may forget anything at any moment, and who needs certainty asks the store. Cached values
are shared between all who ask: nobody may change one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from cache.cache_state import CacheState
from cache.keys import Key
from cache.message_page import Page
from store.models import RoomStats

T = TypeVar("T")

FENCE_MAX_S = 10.0  # a fence refuses fills no longer than this, should whoever raised it never lower it
NEGATIVE_TTL_S = 3.0  # how long a load's None is believed


class CacheClosed(Exception):
    """The cache was closed before the value was there."""


class Cache(Protocol):
    """Values by typed key, each for its TTL at most.

    A value's load is sure to have begun after every `invalidate`, `extend` or fence exit of its key that returned
    before the asker asked: who reads after a write was announced here never gets what was true before it.
    """

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """Return the value, loading it if it is not here.

        One load a key, however many ask at once; an asker that is cancelled does not cancel it for the others. Its
        error reaches all who wait for it and is not cached; None is cached, for NEGATIVE_TTL_S at most. A load never
        fills over an `invalidate`, `extend` or fence of its key that came after it began.
        Raises CacheClosed, and what `load` raises.
        """

    async def invalidate(self, *keys: Key[object]) -> None:
        """Forget values, and detach loads under way: these still answer those who asked before, but fill nothing."""

    def fence(self, *keys: Key[object]) -> AbstractAsyncContextManager[None]:
        """Surround a rare write's commit: values are forgotten, and nothing fills until the end (FENCE_MAX_S at most).

        At the end, also of a body that failed or was cancelled, the keys are invalidated again. Fences may overlap.
        """

    async def extend(self, key: Key[Page], first_seq: int, messages: Sequence[bytes]) -> None:
        """Add what a commit stored to a page that is here, if it follows; what is known is skipped, and what does not
        meet forgets it.

        Loads under way are detached. The page keeps its expiry. A shared backend holds what comes early for a moment.
        """

    async def advance(self, key: Key[RoomStats | None], seq: int, at: str) -> None:
        """Take a commit whose newest message has this seq and time into a room's totals, if they are here.

        Loads are detached.
        """

    def invalidate_all(self) -> None:
        """Believe nothing that is kept now, in any process: what should have been invalidated may not have been."""

    async def inspect(self) -> CacheState:
        """Look at the backend. Raises CacheAway."""

    def ensure_generation(self) -> None:
        """Mend what the backend may have lost; called every few seconds."""

    async def close(self) -> None:
        """Cancel the loads, whose askers get CacheClosed, and let go of everything. Idempotent."""
