"""The contracts of the bus, of connection slots and of snapshots: the guarantees of every backend. Knows no driver.

None of them is the truth: the bus may lose events, and the others may lose their state. Certainty is in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.part_metrics import PartMetrics

Receiver = Callable[[str, object], None]


class Snapshots(Protocol):
    """Values that processes publish about themselves, one each, as opaque bytes. A value may be missing or outdated."""

    def publish(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        """Replace the value of this process for `ttl_s` seconds. `at_s` is the wall clock. Never raises."""

    async def read_all(self) -> list[bytes] | None:
        """Return the values of the live processes, perhaps this one's included; None if they cannot be read."""

    def withdraw(self) -> None:
        """Delete the value of this process, which stops. Never raises."""


class ConnectionSlots(Protocol):
    """The connections of each user over all processes, so that their number can be capped.

    Without a shared backend each process caps its own. A connection's id begins with the id of its process and a `-`;
    the slots of a dead process are free once the other processes know that it is dead.
    """

    async def acquire(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        """Release the slot of `replaces`, then acquire one; False if the user has the maximum. Never raises.

        `alive`: the live processes; None if they are not known.
        """

    def release(self, user_id: str, connection_id: str) -> None:
        """Release a slot; if there is none, do nothing."""

    def unconfirmed_users(self) -> list[str]:
        """Users with slots that were released here without a confirmation of the backend, which may still hold them."""

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        """Make the slots that the backend holds for this process and these users equal to the given connections.

        Returns how many other slots were released, None if the backend is away. Never raises. The state is that of the
        call, before its first await: an `acquire` or `release` after that is kept. Users for whom it fails are
        `unconfirmed_users`.
        """

    async def forgotten(self) -> bool:
        """Whether the backend may have lost all slots since the last call. Never raises."""


class Bus(Protocol):
    """Events by topic, delivered to every process that subscribes, the publisher's own included. At most once: an event
    may be lost.

    Events of one publisher on one topic arrive in order. Before `start`, events are dropped.
    """

    def start(self, *, receive: Receiver, on_back: Callable[[], None] = lambda: None) -> None:
        """Deliver events to `receive` from now on. Raises RuntimeError when called twice.

        `receive(topic, event)` is called on the event loop and must not block; an exception of it is logged and does
        not reach the publisher. `on_back()` is called each time that all events are received again after some may have
        been lost.
        """

    @property
    def lost(self) -> bool:
        """True while events of other processes may be missing."""

    def metrics(self) -> PartMetrics:
        """Return `lost` as a gauge, see monitor/part_metrics.py."""

    def publish(self, topic: str, event: object) -> None:
        """Publish an event of cluster/events.py. Never raises.

        When this returns, the publisher's own process has received the event, if it subscribes.
        """

    async def subscribe(self, topic: str) -> None:
        """Receive what is published to `topic` from now on. Subscriptions are counted: each needs its `unsubscribe`."""

    async def unsubscribe(self, topic: str) -> None:
        """End one subscription; if there is none, do nothing."""

    async def close(self) -> None:
        """End all subscriptions. Idempotent."""
