"""What every backend of the bus, of connection slots and of snapshots promises. Owns the guarantees, knows no driver.

None of them is the truth: the bus may lose an event, and the rest may be forgotten. Who needs certainty asks the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.part_metrics import PartMetrics

Receiver = Callable[[str, object], None]


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


class ConnectionSlots(Protocol):
    """Which connections a user has, over all processes, so that their number can be capped.

    Without a backend each process caps its own.

    A connection's id begins with its process's and a `-`; what a dead process held is free once the others know that it
    is dead.
    """

    async def take(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        """Take a slot, first freeing that of `replaces`; False if the user has as many as they may. Never raises.

        `alive`: the processes that live; None while that is not known.
        """

    def leave(self, user_id: str, connection_id: str) -> None:
        """Free a slot. Without one, do nothing."""

    def unsure(self) -> list[str]:
        """Users of whom the backend may hold slots that were left here: nothing said that it heard of it."""

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        """Make what the backend holds of this process for these users just these connections: returns how many it had
        besides.

        It is so as of the call, before the first wait: what `take` and `leave` are asked for later stands. Of whom it
        did not succeed is `unsure`. None: the backend is away. Never raises.
        """

    async def forgotten(self) -> bool:
        """Whether the backend may have forgotten all slots since this was last asked. Never raises."""


class Bus(Protocol):
    """Events by topic, to every process that subscribes, the publisher's own included; at most once, perhaps never.

    What one publisher sends to one topic arrives in its order. Until `start` names a receiver, events are dropped.
    """

    def start(self, *, receive: Receiver, on_back: Callable[[], None] = lambda: None) -> None:
        """Deliver events to `receive` from now on. Raises RuntimeError when called twice.

        `receive(topic, event)` is called on the event loop and must not block; what it raises is logged and reaches no
        publisher. `on_back()` is called whenever all events are received again after some may have been lost.
        """

    @property
    def lost(self) -> bool:
        """True while events of other processes may be missing."""

    def metrics(self) -> PartMetrics:
        """Return it as a gauge, see monitor/part_metrics.py."""

    async def publish(self, topic: str, event: object) -> None:
        """Send an event of cluster/events.py. Never raises.

        When this returns, the publisher's own process has received it, if it subscribes.
        """

    async def subscribe(self, topic: str) -> None:
        """Receive what is published to `topic` from now on. Counted: it takes as many `unsubscribe`s to end it."""

    async def unsubscribe(self, topic: str) -> None:
        """End one subscription; without one, do nothing."""

    async def close(self) -> None:
        """End all subscriptions. Idempotent."""
