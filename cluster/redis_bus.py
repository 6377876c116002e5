"""The bus between processes, on Redis's publish/subscribe.

A process receives its own events at once, and events of others through Redis, which may lose them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from cluster.bus_receiver_guard import ReceiverGuard
from cluster.contract import Receiver
from cluster.events import Event
from cluster.redis_connection import RedisClient, RedisListener, RedisOptions
from cluster.redis_keys import channel
from monitor.part_metrics import PartMetrics

logger = logging.getLogger(__name__)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, Event])


class RedisBus:
    """cluster.contract.Bus on Redis.

    `process_id` marks this process's own events: Redis sends them back, and they are not delivered a second time.
    """

    def __init__(self, *, client: RedisClient, options: RedisOptions, process_id: str) -> None:
        self._receive: Receiver | None = None
        self._on_back: Callable[[], None] = lambda: None
        self._client = client
        self._process_id = process_id
        self._database = options.database
        self._subscriptions: dict[str, int] = {}  # topic → how many; bounded by what subscribes
        self._deliver = ReceiverGuard()
        self._garbled = False
        self._prefix = channel(self._database, "")
        # A payload is an array of two, of which the first is the id of its publisher
        self._own_head = b"\x92" + _encoder.encode(process_id)
        self._listener = RedisListener(
            options=options,
            pulse_channel=channel(self._database, f"pulse:{process_id}"),
            pulse=lambda name, payload: client.send("PUBLISH", name, payload),
            receive=self._received,
            on_back=self.notify_if_restored,
        )

    def start(self, *, receive: Receiver, on_back: Callable[[], None] = lambda: None) -> None:
        """Deliver events to `receive`, and call `on_back` each time both connections are established again."""
        if self._receive is not None:
            raise RuntimeError("the bus has a receiver already")
        self._receive = receive
        self._on_back = on_back

    async def connect(self) -> None:
        """Connect. Returns after the first try, whether it succeeds or not."""
        await self._listener.connect()

    @property
    def lost(self) -> bool:
        return not (self._listener.stands and self._client.is_up)

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"bus_lost": int(self.lost)})

    def publish(self, topic: str, event: object) -> None:
        if topic in self._subscriptions:
            self._deliver(self._receive, topic, event)
        self._client.send("PUBLISH", channel(self._database, topic), _encoder.encode((self._process_id, event)))

    async def subscribe(self, topic: str) -> None:
        count = self._subscriptions.get(topic, 0)
        self._subscriptions[topic] = count + 1
        await self._listener.subscribe(channel(self._database, topic))

    async def unsubscribe(self, topic: str) -> None:
        count = self._subscriptions.get(topic, 0)
        if count > 1:
            self._subscriptions[topic] = count - 1
        elif count:
            del self._subscriptions[topic]
            self._listener.unsubscribe(channel(self._database, topic))

    async def close(self) -> None:
        self._subscriptions.clear()
        await self._listener.close()

    def notify_if_restored(self) -> None:
        """Call `on_back` if both connections are established. To be called whenever `client` has connected."""
        if not self.lost:
            self._on_back()

    def _received(self, name: str, payload: bytes) -> None:
        if payload.startswith(self._own_head):
            return  # it was delivered when it was published
        try:
            _, event = _decoder.decode(payload)
        except (ValueError, RecursionError) as error:
            if not self._garbled:
                self._garbled = True
                logger.warning("what is published to a channel of ours cannot be read: %s", error)
            return
        self._deliver(self._receive, name.removeprefix(self._prefix), event)
