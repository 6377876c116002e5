"""What every cache and bus backend promises. Owns the guarantees, knows no driver.

Neither is the truth. A cache may forget anything at any moment and a bus may lose an event; who needs certainty asks
the store. Cached values are shared between all who ask: nobody may change one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from cache.keys import Key

T = TypeVar("T")

FENCE_MAX_S = 10.0  # a fence refuses fills no longer than this, should whoever raised it never lower it
NEGATIVE_TTL_S = 3.0  # how long a load's None is believed

Receiver = Callable[[str, object], None]


class CacheClosed(Exception):
    """The cache was closed before the value was there."""


class Cache(Protocol):
    """Values by typed key, each for its TTL at most.

    A value's load is sure to have begun after every `invalidate`, `update` or fence exit of its key that returned
    before the asker asked: who reads after a write was announced here never gets what was true before it.
    """

    async def get_or_load(self, key: Key[T], load: Callable[[], Awaitable[T]]) -> T:
        """Return the value, loading it if it is not here.

        One load a key, however many ask at once; an asker that is cancelled does not cancel it for the others. Its
        error reaches all who wait for it and is not cached; None is cached, for NEGATIVE_TTL_S at most. A load never
        fills over an `invalidate`, `update` or fence of its key that came after it began.
        Raises CacheClosed, and what `load` raises.
        """

    async def invalidate(self, *keys: Key[object]) -> None:
        """Forget values, and detach loads under way: these still answer those who asked before, but fill nothing."""

    def fence(self, *keys: Key[object]) -> AbstractAsyncContextManager[None]:
        """Surround a rare write's commit: values are forgotten, and nothing fills until the end (FENCE_MAX_S at most).

        At the end, also of a body that failed or was cancelled, the keys are invalidated again. Fences may overlap.
        """

    async def update(self, key: Key[T], change: Callable[[T], T | None]) -> None:
        """Replace a value that is here by `change` of it, which must be quick; None forgets it.

        Loads under way are detached. The value keeps its expiry; a cached None is forgotten without asking `change`.
        What `change` raises is raised, and the value forgotten.
        """

    async def close(self) -> None:
        """Cancel the loads, whose askers get CacheClosed, and let go of everything. Idempotent."""


class Bus(Protocol):
    """Events by topic, to every process that subscribes, the publisher's own included; at most once, perhaps never.

    What one publisher sends to one topic arrives in its order. `receiver` is called on the event loop, with the topic
    and the event, and must not block; what it raises is logged and reaches no publisher.
    """

    receiver: Receiver | None

    @property
    def lost(self) -> bool:
        """True while events of other processes may be missing."""

    async def publish(self, topic: str, event: object) -> None:
        """Send an event of cache/events.py. Never raises.

        When this returns, the publisher's own process has received it, if it subscribes.
        """

    async def subscribe(self, topic: str) -> None:
        """Receive what is published to `topic` from now on. Counted: it takes as many `unsubscribe`s to end it."""

    async def unsubscribe(self, topic: str) -> None:
        """End one subscription; without one, do nothing."""

    async def close(self) -> None:
        """End all subscriptions. Idempotent."""
