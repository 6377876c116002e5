"""What every cache and bus backend promises. Owns the guarantees, knows no driver.

Neither is the truth. A cache may forget anything at any moment and a bus may lose an event; who needs certainty asks
the store. Cached values are shared between all who ask: nobody may change one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from cache.inspection import CacheState
from cache.keys import Key
from cache.pages import Page
from store.models import RoomStats

T = TypeVar("T")

FENCE_MAX_S = 10.0  # a fence refuses fills no longer than this, should whoever raised it never lower it
NEGATIVE_TTL_S = 3.0  # how long a load's None is believed

Receiver = Callable[[str, object], None]


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

    def distrust(self) -> None:
        """Believe nothing that is kept now, in any process: what should have been invalidated may not have been."""

    async def inspect(self) -> CacheState:
        """Look at the backend. Raises CacheAway."""

    def go_on(self) -> None:
        """Mend what the backend may have lost; called every few seconds."""

    async def close(self) -> None:
        """Cancel the loads, whose askers get CacheClosed, and let go of everything. Idempotent."""


class Snapshots(Protocol):
    """What each process tells the others of itself; bytes that this knows nothing of.

    A hint, as all here: it may be gone or old.
    """

    def tell(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        """Replace what this process told, for `ttl_s`; `at_s` is the wall clock. Never raises."""

    async def told(self) -> list[bytes] | None:
        """What those processes told that live, perhaps this one's own, too; None where it cannot be asked."""

    def leave(self) -> None:
        """This process stops: forget what it told. Never raises."""


class Seats(Protocol):
    """Which connections a user has, over all processes, so that their number can be capped.

    Without a backend each process caps its own.

    A connection's id begins with its process's and a `-`; what a dead process held is free once the others know that it
    is dead.
    """

    async def take(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        """Take a seat, first freeing that of `replaces`; False if the user has as many as they may. Never raises.

        `alive`: the processes that live; None while that is not known.
        """

    def leave(self, user_id: str, connection_id: str) -> None:
        """Free a seat. Without one, do nothing."""

    def unsure(self) -> list[str]:
        """Users of whom the backend may hold seats that were left here: nothing said that it heard of it."""

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        """Make what the backend holds of this process for these users just these connections: returns how many it had
        besides.

        It is so as of the call, before the first wait: what `take` and `leave` are asked for later stands. Of whom it
        did not succeed is `unsure`. None: the backend is away. Never raises.
        """

    async def forgotten(self) -> bool:
        """Whether the backend may have forgotten all seats since this was last asked. Never raises."""


class Bus(Protocol):
    """Events by topic, to every process that subscribes, the publisher's own included; at most once, perhaps never.

    What one publisher sends to one topic arrives in its order. `receiver` is called on the event loop, with the topic
    and the event, and must not block; what it raises is logged and reaches no publisher.
    """

    receiver: Receiver | None
    on_back: Callable[[], None] | None  # called whenever all events are heard again after some may have been missed

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
