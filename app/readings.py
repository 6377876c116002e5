"""What the parts of a process tell of themselves when they are asked: plain numbers they have at hand, whether or not
it is measured.

Names the gauges and counters; what they mean is decided where they are shown and judged.
"""

from __future__ import annotations

from collections.abc import Callable

from chat.connections.pool import Pool
from chat.delivery.hub import Hub
from chat.message_writer import MessageWriter
from cluster.contract import Bus
from handlers.wire.outbox_budget import OutboxBudget
from handlers.wire.traffic import Traffic
from limits.contract import Limiter
from limits.load_shedder import LoadShedder, NullLoadShedder
from monitor.metrics import Readings
from store.contract import Store


def reader(
    *,
    pool: Pool,
    connections_max: int,
    hub: Hub,
    budget: OutboxBudget,
    traffic: Traffic,
    message_writer: MessageWriter,
    store: Store,
    bus: Bus,
    limiter: Limiter,
    shedding: LoadShedder | NullLoadShedder,
    log_dropped: Callable[[], int],
) -> Callable[[], Readings]:
    """What reads all of them. It is called with each sample and each /metrics, so it asks nothing that waits."""

    def read() -> Readings:
        database = store.pool
        return Readings(
            gauges={
                "connections": pool.connections,
                "connections_max": connections_max,
                "rooms": hub.rooms,
                "outbox_bytes": budget.total_bytes,
                "outboxes": budget.links,
                "store_queue": message_writer.waiting,
                "store_queue_max": message_writer.max_waiting,
                "store_pending_writes": store.pending_writes,
                "store_pending_writes_max": store.pending_writes_max,
                "database_pool_in_use": database.in_use,
                "database_pool_waiting": database.waiting,
                "database_pool_max": database.limit,
                "bus_lost": int(bus.lost),
                "shed_level": shedding.level,
                "message_share": shedding.share,
            },
            counters={
                "limit_checks_total": limiter.counts(),
                "frames_dropped_total": [
                    (("ephemeral",), traffic.dropped_ephemeral),
                    (("slow_reader",), traffic.dropped_slow),
                ],
                "log_lines_dropped_total": [((), log_dropped())],
                "websocket_received_bytes_total": [((), traffic.received_bytes)],
                "websocket_sent_bytes_total": [((), traffic.sent_bytes)],
            },
        )

    return read
