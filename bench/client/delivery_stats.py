"""Counts of one client process, shared by its connections: deliveries, latencies, acks, failures."""

from __future__ import annotations

import time
from collections import defaultdict

from bench.client import chat_messages
from bench.client.worker_protocol import DeliverySnapshot
from bench.delivery_checker import Failures
from bench.histogram import Histogram

_REMEMBERED = 1024


class DeliveryStats:
    """Counts since the last `snapshot`. Failures are kept for the whole run: a broken stream does not recover."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = Failures()
        self.lost = 0  # connections that ended before they were ready
        self._decoded: dict[bytes, chat_messages.Event] = {}
        self._begin()

    def _begin(self) -> None:
        self.deliveries = 0
        self.frame_bytes = 0
        self.receives = 0
        self.acked_seqs: defaultdict[str, list[int]] = defaultdict(list)  # by room
        self.acked_revs: defaultdict[str, int] = defaultdict(int)  # the greatest by room
        self.delivery = Histogram()
        self.ack = Histogram()
        self.own_delivery = Histogram()
        self.lag = Histogram()
        self._wall_s = time.monotonic()
        self._cpu_s = time.process_time()

    def decode(self, payload: bytes) -> chat_messages.Event:
        """As `chat_messages.decode_event`, with a cache.

        A fan-out sends the same bytes to every connection, so they are decoded once.
        """
        event = self._decoded.get(payload)
        if event is None:
            if len(self._decoded) >= _REMEMBERED:
                self._decoded.clear()
            event = self._decoded[payload] = chat_messages.decode_event(payload)
        return event

    def snapshot(self, still_open: int) -> DeliverySnapshot:
        """Return the counts since the last snapshot and reset them."""
        snapshot = DeliverySnapshot(
            deliveries=self.deliveries,
            delivery_us=self.delivery.counts(),
            ack_us=self.ack.counts(),
            own_delivery_us=self.own_delivery.counts(),
            frame_bytes=self.frame_bytes,
            receives=self.receives,
            wall_s=time.monotonic() - self._wall_s,
            cpu_s=time.process_time() - self._cpu_s,
            open=still_open,
            failure_count=self.failures.count,
            failures=list(self.failures.kept),
            lag_us=self.lag.counts(),
        )
        self._begin()
        return snapshot
