"""The bus of a single process: publishing calls the receiver. Owns the subscription counts; knows no topic or event."""

from __future__ import annotations

from collections.abc import Callable

from cluster.bus_receiver_guard import ReceiverGuard
from cluster.contract import Receiver
from monitor.part_metrics import PartMetrics


class MemoryBus:
    """Delivers within `publish`, so the order is that of the calls. Of failures in a row only the first is logged."""

    def __init__(self) -> None:
        self._receive: Receiver | None = None
        self._subscriptions: dict[str, int] = {}  # topic → how many; bounded by what subscribes
        self._deliver = ReceiverGuard()

    def start(self, *, receive: Receiver, on_back: Callable[[], None] = lambda: None) -> None:
        """Deliver events to `receive`; `on_back` is never called, since no event is ever lost."""
        if self._receive is not None:
            raise RuntimeError("the bus has a receiver already")
        self._receive = receive

    @property
    def lost(self) -> bool:
        return False

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"bus_lost": int(self.lost)})

    def publish(self, topic: str, event: object) -> None:
        if topic in self._subscriptions:
            self._deliver(self._receive, topic, event)

    async def subscribe(self, topic: str) -> None:
        self._subscriptions[topic] = self._subscriptions.get(topic, 0) + 1

    async def unsubscribe(self, topic: str) -> None:
        count = self._subscriptions.get(topic, 0)
        if count > 1:
            self._subscriptions[topic] = count - 1
        else:
            self._subscriptions.pop(topic, None)

    async def close(self) -> None:
        self._subscriptions.clear()
