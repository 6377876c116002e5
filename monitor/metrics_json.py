"""The JSON of the pages /metrics/performance, database, websocket and cache, made from a snapshot. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from common.rfc3339 import rfc3339_from_s
from monitor.cache_counts import by_kind
from monitor.histogram import Histogram
from monitor.metrics_snapshot import MetricsSnapshot, busiest_rooms

# Gauges that are listed for each process of a cluster, because their sum means nothing or hides the one that is full.
_EACH = (
    *("cpu_percent", "machine_cpu_percent", "memory_percent", "resident_memory_bytes", "open_fds", "threads"),
    *(
        "connections",
        "connections_peak",
        "connections_max",
        "rooms",
        "outbox_bytes",
        "store_queue",
        "shed_level",
        "message_share",
    ),
)


def page_head(snapshot: MetricsSnapshot) -> dict[str, object]:
    """Return the fields that every page begins with."""
    return {"processId": snapshot.process_id, "at": rfc3339_from_s(snapshot.at_s)}


def process_list(snapshots: Sequence[MetricsSnapshot]) -> list[dict[str, object]]:
    """Return one entry per process of a cluster, with the gauges of _EACH."""
    return [
        page_head(one)
        | {"uptimeS": round(one.at_s - one.started_at_s, 3)}
        | {_camel(name): one.gauges[name] for name in _EACH if name in one.gauges}
        for one in snapshots
    ]


def summary_ms(histogram: Histogram) -> dict[str, object]:
    """Return count, mean and percentiles in milliseconds; mean and percentiles are None without values."""
    percentiles = {f"p{percent}": _ms(histogram.percentile(percent)) for percent in (50, 95, 99)}
    return {"count": histogram.count, "mean": _ms(histogram.mean), **percentiles}


def summary_with_units(histogram: Histogram) -> dict[str, object]:
    """Return the same with the unit in the names, for an object that has other members, too."""
    return {name if name == "count" else f"{name}Ms": value for name, value in summary_ms(histogram).items()}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def performance(snapshot: MetricsSnapshot, *, is_one_process: bool) -> dict[str, object]:
    """Return the page about the process itself. `is_one_process`: the snapshot is of one process, not a sum."""
    gauges = snapshot.gauges
    return {
        "uptimeS": round(snapshot.at_s - snapshot.started_at_s, 3),
        "cpu": {
            "percent": gauges.get("cpu_percent"),
            "machinePercent": gauges.get("machine_cpu_percent") if is_one_process else None,
            "seconds": snapshot.counter("process_cpu_seconds_total") if "cpu_percent" in gauges else None,
        },
        "memory": {
            "rssBytes": gauges.get("resident_memory_bytes"),
            "limitBytes": gauges.get("memory_limit_bytes") if is_one_process else None,
            "percent": gauges.get("memory_percent") if is_one_process else None,
        },
        "heap": {"allocatedBlocks": gauges.get("heap_blocks"), "youngObjects": gauges.get("heap_young")},
        "fds": {"open": gauges.get("open_fds"), "max": gauges.get("max_fds")},
        "threads": gauges.get("threads"),
        "gcMs": {
            f"generation{labels[0]}": summary_ms(snapshot.histogram("gc_pause_seconds", *labels))
            for labels in snapshot.labels("gc_pause_seconds")
        },
        "loopLagMs": summary_ms(snapshot.histogram("event_loop_lag_seconds")),
        "loopBlocks": snapshot.counter("event_loop_blocks_total"),
        "logDropped": snapshot.counter("log_lines_dropped_total"),
        "limits": {
            operation: snapshot.sums_by("limit_checks_total", 1, operation)
            for operation in snapshot.sums_by("limit_checks_total")
        },
        "shedding": {
            "level": gauges.get("shed_level") if is_one_process else None,
            "messageShare": gauges.get("message_share") if is_one_process else None,
            "shed": snapshot.sums_by("shed_total"),
        },
        "http": {
            labels[0]: summary_with_units(snapshot.histogram("http_request_seconds", *labels))
            | {"answers": _answers(snapshot, labels[0])}
            for labels in snapshot.labels("http_request_seconds")
        },
    }


def _answers(snapshot: MetricsSnapshot, route: str) -> dict[str, float]:
    return {
        f"{method} {status}": count
        for (one, method, status), count in sorted(
            (labels, count) for labels, count in snapshot.counters.get("http_requests_total", ())
        )
        if one == route
    }


def database(snapshot: MetricsSnapshot) -> dict[str, object]:
    """Return the page about the store, measured by this process; on MongoDB with the driver's commands."""
    failures = "store_failures_total"
    return {
        "operations": {
            name: summary_with_units(snapshot.histogram("store_operation_seconds", name))
            | {
                "errors": snapshot.counter(failures, name),
                "reasons": snapshot.sums_by(failures, 1, name),
                "slow": snapshot.counter("store_slow_operations_total", name),
            }
            for (name,) in snapshot.labels("store_operation_seconds")
        },
        "commits": summary_with_units(snapshot.histogram("store_commit_seconds"))
        | {"operations": snapshot.counter("store_committed_operations_total")},
        "slow": {
            "count": snapshot.counter("store_slow_operations_total"),
            "newest": [
                {"operation": name, "ms": ms, "at": rfc3339_from_s(at_s)} for name, ms, at_s in reversed(snapshot.slow)
            ],
        },
        "queue": snapshot.gauges.get("store_queue"),
        "commands": {
            f"{collection}.{kind}": summary_with_units(snapshot.histogram("database_command_seconds", collection, kind))
            | {"errors": snapshot.counter("database_command_failures_total", collection, kind)}
            for collection, kind in snapshot.labels("database_command_seconds")
        },
        "checkouts": summary_with_units(snapshot.histogram("database_checkout_seconds"))
        | {"errors": snapshot.counter("database_checkout_failures_total")},
        "serverChanges": snapshot.sums_by("database_server_changes_total"),
    }


def websocket(snapshot: MetricsSnapshot, *, is_one_process: bool) -> dict[str, object]:
    """Return the page about WebSocket connections, messages and bytes."""
    gauges = snapshot.gauges
    commands = {labels[0] for labels in snapshot.labels("command_seconds")} | set(
        snapshot.sums_by("commands_refused_total")
    )
    return {
        "connections": {
            "now": gauges.get("connections"),
            # Peaks of different moments cannot be added.
            "peak": gauges.get("connections_peak") if is_one_process else None,
            "max": gauges.get("connections_max"),
            "opened": snapshot.counter("connections_opened_total"),
            "closed": snapshot.counter("connections_closed_total"),
            "closedByCode": snapshot.sums_by("connections_closed_total"),
        },
        "rooms": {
            # A room with connections to two processes is open in both.
            "open": gauges.get("rooms") if is_one_process else None,
            "top": [
                {"roomId": room_id, "connections": connections}
                for room_id, connections in busiest_rooms(snapshot.rooms)
            ],
        },
        "handshakeMs": summary_ms(snapshot.histogram("handshake_seconds")),
        "messages": {
            "in": snapshot.counter("messages_received_total"),
            "inBy": snapshot.sums_by("messages_received_total"),
            "duplicates": snapshot.counter("messages_duplicate_total"),
            "out": snapshot.counter("messages_delivered_total"),
            "dropped": snapshot.sums_by("frames_dropped_total"),
        },
        "bytes": {
            "in": snapshot.counter("websocket_received_bytes_total"),
            "out": snapshot.counter("websocket_sent_bytes_total"),
        },
        "sendToAckMs": summary_ms(snapshot.histogram("command_seconds", "sendMessage")),
        "sendToDeliveryMs": summary_ms(snapshot.histogram("message_delivery_seconds")),
        "commands": {
            name: summary_with_units(snapshot.histogram("command_seconds", name))
            | {"refused": snapshot.sums_by("commands_refused_total", 1, name)}
            for name in sorted(commands)
        },
        "outbox": {"bytes": gauges.get("outbox_bytes"), "connections": gauges.get("outboxes")},
        "slowReaders": {"now": gauges.get("outboxes"), "closed": snapshot.counter("connections_closed_total", "4413")},
    }


def cache(snapshot: MetricsSnapshot) -> dict[str, object]:
    """Return the page about the cache: reads by kind of key, and the hit rate."""
    counts = {(kind, outcome): count for (kind, outcome), count in snapshot.counters.get("cache_reads_total", ())}
    seconds = {kind: spent for (kind,), spent in snapshot.counters.get("cache_read_seconds_total", ())}
    totals = snapshot.sums_by("cache_reads_total", 1)
    reads = totals.get("hit", 0) + totals.get("miss", 0)
    return {"kinds": by_kind(counts, seconds), "hitRate": round(totals.get("hit", 0) / reads, 4) if reads else None}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
