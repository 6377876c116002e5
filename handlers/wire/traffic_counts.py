"""The byte and drop counters that all links of a process share. Plain attributes: they change with every send."""

from __future__ import annotations

from monitor.part_metrics import PartMetrics


class Traffic:
    """What all links together read, sent and dropped since the process started.

    `received_bytes` and `sent_bytes` count bytes that the kernel gave or took. `dropped_ephemeral` and `dropped_slow`
    count calls of `send`, each of which may carry several frames.
    """

    __slots__ = ("dropped_ephemeral", "dropped_slow", "received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.received_bytes = 0
        self.sent_bytes = 0
        self.dropped_ephemeral = 0  # ephemeral events, dropped because an outbox was half full
        self.dropped_slow = 0  # discarded when a connection was closed with 4413, or cut off

    def metrics(self) -> PartMetrics:
        return PartMetrics(
            counters={
                "frames_dropped_total": [
                    (("ephemeral",), self.dropped_ephemeral),
                    (("slow_reader",), self.dropped_slow),
                ],
                "websocket_received_bytes_total": [((), self.received_bytes)],
                "websocket_sent_bytes_total": [((), self.sent_bytes)],
            }
        )
