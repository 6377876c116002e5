"""The bus of a single process: publishing is a call. Owns the subscription counts; knows no topic and no event."""

from __future__ import annotations

from collections.abc import Callable

from cluster.contract import Receiver
from cluster.event_delivery import Delivery


class MemoryBus:
    """Delivers within `publish`, so order is the order of the calls. Of failures in a row only the first is logged."""

    def __init__(self, *, receiver: Receiver | None = None) -> None:
        self.receiver = receiver
        self.on_back: Callable[[], None] | None = None  # it is never away
        self._subscriptions: dict[str, int] = {}  # topic → how many; bounded by what subscribes
        self._deliver = Delivery()

    @property
    def lost(self) -> bool:
        return False

    async def publish(self, topic: str, event: object) -> None:
        if topic in self._subscriptions:
            self._deliver(self.receiver, topic, event)

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
