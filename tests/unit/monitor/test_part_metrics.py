"""The parts of a process return metrics of families that exist, with the labels that these have."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app import settings
from app.composition.chat import build_chat
from app.composition.cluster import build_cluster, load_whitelist
from app.composition.monitoring import build_monitoring
from app.composition.storage import build_storage
from monitor.counting_observer import CountingObserver
from monitor.loop_lag import LoopLag
from monitor.metric_families import COUNTERS, GAUGES
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics


class Log:
    def metrics(self) -> PartMetrics:
        return PartMetrics(counters={"log_lines_dropped_total": [((), 3)]})


@pytest.mark.gen_test
@pytest.mark.parametrize("counting_observer", [None, CountingObserver(slow_s=1.0, now=lambda: 0.0)])
async def test_each_metric_of_a_part_has_a_family(tmp_path: Path, counting_observer: CountingObserver | None) -> None:
    chosen = settings.load({}, {"DATA_DIR": str(tmp_path / "data"), "WS_MAX_CONNECTIONS": "77"})
    async with (
        build_storage(chosen, Observer()) as storage,
        build_cluster(chosen, process_id="p1") as shared,
    ):
        lag = LoopLag(loop=asyncio.get_running_loop())
        chat = build_chat(
            chosen,
            store=storage.store,
            secret=storage.secret,
            shared=shared,
            whitelist=load_whitelist(chosen),
            process_id="p1",
            observer=Observer(),
            lag=lag,
        )
        monitoring = build_monitoring(
            chosen,
            store=storage.store,
            shared=shared,
            chat=chat,
            process_id="p1",
            counting_observer=counting_observer,
            lag=lag,
            log_output=Log(),
        )
        snapshot = monitoring.monitor.metrics_collector.snapshot()
        chat.account_parts.passwords.close()
    assert set(snapshot.gauges) <= set(GAUGES)
    for family, rows in snapshot.counters.items():
        assert all(len(labels) == len(COUNTERS[family].labels) for labels, _ in rows), family
    gauges = snapshot.gauges
    assert (gauges["connections_max"], gauges["store_queue"], gauges["bus_lost"]) == (77, 0, 0)
    assert {
        *("connections", "rooms", "outbox_bytes", "outboxes", "store_queue_max", "store_pending_writes"),
        *("store_pending_writes_max", "database_pool_in_use", "database_pool_waiting", "database_pool_max"),
        *("shed_level", "message_share"),
    } <= set(gauges)
    assert snapshot.counter("log_lines_dropped_total") == 3
    assert {"limit_checks_total", "frames_dropped_total", "websocket_sent_bytes_total"} <= set(snapshot.counters)
