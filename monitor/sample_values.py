"""The values of a sample: gauges as they are, rates and percentiles of the time between two snapshots.

Pure functions; the timer is in monitor/sampler.py. A name is missing from a sample where its value is not known: there
is no latency without a message, and no hit rate without a read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.counting_observer import Peaks
from monitor.histogram import Histogram
from monitor.metric_families import Labels
from monitor.metrics_snapshot import MetricsSnapshot

Sample = Mapping[str, float]

# Name in the sample → gauge.
GAUGES = {
    "cpu": "cpu_percent",
    "machineCpu": "machine_cpu_percent",
    "memory": "resident_memory_bytes",
    "memoryPercent": "memory_percent",
    "connections": "connections",
    "storeQueue": "store_queue",
    "outboxBytes": "outbox_bytes",
    "slowReaders": "outboxes",
    "openFds": "open_fds",
    "threads": "threads",
    "heapBlocks": "heap_blocks",
    "busLost": "bus_lost",
    "shedLevel": "shed_level",
    "databaseWaiting": "database_pool_waiting",
    "diskFreeBytes": "disk_free_bytes",
}
# Name → pairs of gauges (part, whole), in per cent. Of several pairs the fullest counts: it is the first to run out.
SHARES = {
    "poolPercent": (("connections", "connections_max"),),
    "storeQueuePercent": (("store_queue", "store_queue_max"), ("store_pending_writes", "store_pending_writes_max")),
    "databasePoolPercent": (("database_pool_in_use", "database_pool_max"),),
    "diskFreePercent": (("disk_free_bytes", "disk_size_bytes"),),
}
# Name → counter, all label values added up, per second.
RATES = {
    "messagesIn": "messages_received_total",
    "messagesOut": "messages_delivered_total",
    "messagesDropped": "frames_dropped_total",
    "bytesIn": "websocket_received_bytes_total",
    "bytesOut": "websocket_sent_bytes_total",
    "connectionsOpened": "connections_opened_total",
    "connectionsClosed": "connections_closed_total",
    "commandsRefused": "commands_refused_total",
    "httpRequests": "http_requests_total",
    "storeErrors": "store_failures_total",
}
FAULTS = frozenset({"internal", "unavailable", "timeout"})  # a command's error codes that its sender did not cause
# Name → counter and the label values that count, per second.
SELECTED_RATES: Mapping[str, tuple[str, Callable[[Labels], bool]]] = {
    "commandErrors": ("commands_refused_total", lambda labels: labels[1] in FAULTS),
    "httpErrors": ("http_requests_total", lambda labels: labels[2].startswith("5")),
    "limitRefusals": ("limit_checks_total", lambda labels: labels[1] == "refused"),
}


def sample_of(snapshot: MetricsSnapshot, before: MetricsSnapshot, passed_s: float, peaks: Peaks) -> Sample:
    """Return the sample of the `passed_s` seconds between two snapshots.

    Rates are per second; percentiles are of what was counted between the two.
    """
    passed_s = max(passed_s, 1e-9)

    def increase(family: str) -> float:
        return snapshot.counter(family) - before.counter(family)

    def observed(family: str, *first: str) -> Histogram:
        return snapshot.histogram(family, *first).since(before.histogram(family, *first))

    sample: dict[str, float] = {
        name: snapshot.gauges[gauge] for name, gauge in GAUGES.items() if gauge in snapshot.gauges
    }
    sample |= _shares(snapshot.gauges)
    sample |= {name: round(increase(family) / passed_s, 3) for name, family in RATES.items()}
    sample |= {
        name: round((_sum(snapshot, family, counts) - _sum(before, family, counts)) / passed_s, 3)
        for name, (family, counts) in SELECTED_RATES.items()
    }
    sample["answers"], sample["answersFailed"] = (
        now - then for now, then in zip(_answers(snapshot), _answers(before), strict=True)
    )
    sample["slowQueries"] = increase("store_slow_operations_total")
    reads, reads_before = snapshot.sums_by("cache_reads_total", 1), before.sums_by("cache_reads_total", 1)
    hits, misses = (reads.get(outcome, 0) - reads_before.get(outcome, 0) for outcome in ("hit", "miss"))
    sample["cacheReads"] = hits + misses
    sample["cacheMisses"] = misses
    if hits + misses:
        sample["cacheHitRate"] = round(hits / (hits + misses), 4)
    lag = observed("event_loop_lag_seconds")
    greatest = peaks.loop_lag_s if lag.count else None
    for name, percent in (("loopLagMs", 99.0), ("eventLoopLagP50Ms", 50.0), ("eventLoopLagP95Ms", 95.0)):
        _put_ms(sample, name, lag.percentile(percent, greatest=greatest))
    _put_ms(sample, "eventLoopLagMaxMs", greatest)
    sample["gcPauseMs"] = round(observed("gc_pause_seconds").sum * 1000, 3)
    acks, deliveries = observed("command_seconds", "sendMessage"), observed("message_delivery_seconds")
    for percent in (50, 95, 99):
        _put_ms(sample, f"sendToAckP{percent}Ms", acks.percentile(percent))
        _put_ms(sample, f"sendToDeliveryP{percent}Ms", deliveries.percentile(percent))
    _put_ms(sample, "databaseP95Ms", observed("store_operation_seconds").percentile(95))
    _put_ms(sample, "slowestQueryMs", peaks.store_operation_s or None)
    _put_ms(sample, "httpP95Ms", observed("http_request_seconds").percentile(95))
    return sample


def _shares(gauges: Mapping[str, float]) -> dict[str, float]:
    """Return the SHARES of which both gauges are known."""
    shares = {
        name: [
            100 * gauges[part] / gauges[whole] for part, whole in pairs if part in gauges and gauges.get(whole, 0) > 0
        ]
        for name, pairs in SHARES.items()
    }
    return {name: round(max(found), 3) for name, found in shares.items() if found}


def _sum(snapshot: MetricsSnapshot, family: str, counts: Callable[[Labels], bool]) -> float:
    """Return the sum of a counter over the label values that count."""
    return sum(value for labels, value in snapshot.counters.get(family, ()) if counts(labels))


def _answers(snapshot: MetricsSnapshot) -> tuple[float, float]:
    """Return the number of answers to requests and commands, and how many of them failed without the sender's fault.

    Answers of /health are left out: a probe that reports a failure is not another failure.
    """
    http = [
        (labels, count)
        for labels, count in snapshot.counters.get("http_requests_total", ())
        if not labels[0].startswith("/health")
    ]
    refused = snapshot.counters.get("commands_refused_total", ())
    answered = (
        sum(count for _, count in http)
        + snapshot.histogram("command_seconds").count
        + sum(count for _, count in refused)
    )
    failed = sum(count for labels, count in http if labels[2].startswith("5"))
    return answered, failed + sum(count for labels, count in refused if labels[1] in FAULTS)


def _put_ms(sample: dict[str, float], name: str, seconds: float | None) -> None:
    if seconds is not None:
        sample[name] = round(seconds * 1000, 3)
