"""One sample of everything every few seconds, for whoever keeps, judges or shows it. Knows none of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from monitor.counting_observer import Peaks
from monitor.histogram import Histogram
from monitor.metrics_snapshot import MetricsSnapshot

Sample = Mapping[str, float]
Subscriber = Callable[[float, Sample], None]

log = logging.getLogger(__name__)


class Sampler:
    """Calls each of `subscribers` with (seconds since the epoch, sample) every `interval_s`, on the loop; none may
    block it.

    `snapshot` gives all numbers now, `peaks` the greatest since it was last asked. A name is missing from a sample
    where there is nothing to tell: no latency without a message, no hit rate without a read.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        snapshot: Callable[[], MetricsSnapshot],
        peaks: Callable[[], Peaks],
        interval_s: float,
        subscribers: Sequence[Subscriber],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._snapshot = snapshot
        self._peaks = peaks
        self._interval_s = interval_s
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self._before: MetricsSnapshot | None = None
        self._before_s = 0.0
        self._subscribers = tuple(subscribers)
        self.newest_sample: Sample | None = None

    def start(self) -> None:
        self._before, self._before_s = self._snapshot(), self._loop.time()
        self._peaks()  # what was before the start is of no interval
        self._timer = self._loop.call_later(self._interval_s, self._tick)

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._interval_s, self._tick)
        now_s, snapshot = self._loop.time(), self._snapshot()
        assert self._before is not None
        self.newest_sample = sample_of(snapshot, self._before, now_s - self._before_s, self._peaks())
        self._before, self._before_s = snapshot, now_s
        at_s = self._now()
        for subscriber in self._subscribers:
            try:
                subscriber(at_s, self.newest_sample)
            except Exception:
                log.exception("a sample was not taken")  # the others, and the next sample, must not miss it


# How the sample calls what is a gauge.
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
# And which share of another one is, in per cent. Where there are several, the greatest: it is the one that is felt
# first.
SHARES = {
    "poolPercent": (("connections", "connections_max"),),
    "storeQueuePercent": (("store_queue", "store_queue_max"), ("store_pending_writes", "store_pending_writes_max")),
    "databasePoolPercent": (("database_pool_in_use", "database_pool_max"),),
    "diskFreePercent": (("disk_free_bytes", "disk_size_bytes"),),
}


def sample_of(snapshot: MetricsSnapshot, before: MetricsSnapshot, passed_s: float, peaks: Peaks) -> Sample:
    """What became of the time between two snapshots:
    rates are per second of it, percentiles of what was counted in it.
    """
    passed_s = max(passed_s, 1e-9)

    def rate(family: str, *first: str) -> float:
        return round((snapshot.counter(family, *first) - before.counter(family, *first)) / passed_s, 3)

    def lately(family: str, *first: str) -> Histogram:
        return snapshot.histogram(family, *first).since(before.histogram(family, *first))

    sample: dict[str, float] = {
        name: snapshot.gauges[gauge] for name, gauge in GAUGES.items() if gauge in snapshot.gauges
    }
    sample |= _shares(snapshot.gauges)
    sample["messagesIn"] = rate("messages_received_total")
    sample["messagesOut"] = rate("messages_delivered_total")
    sample["messagesDropped"] = rate("frames_dropped_total")
    sample["bytesIn"] = rate("websocket_received_bytes_total")
    sample["bytesOut"] = rate("websocket_sent_bytes_total")
    sample["connectionsOpened"] = rate("connections_opened_total")
    sample["connectionsClosed"] = rate("connections_closed_total")
    sample["commandsRefused"] = rate("commands_refused_total")
    sample["commandErrors"] = _errors(
        snapshot, before, "commands_refused_total", passed_s, lambda labels: labels[1] in FAULTS
    )
    sample["httpRequests"] = rate("http_requests_total")
    sample["httpErrors"] = _errors(
        snapshot, before, "http_requests_total", passed_s, lambda labels: labels[2].startswith("5")
    )
    sample["answers"], sample["answersFailed"] = (
        now - then for now, then in zip(_answers(snapshot), _answers(before), strict=True)
    )
    sample["storeErrors"] = rate("store_failures_total")
    sample["slowQueries"] = snapshot.counter("store_slow_operations_total") - before.counter(
        "store_slow_operations_total"
    )
    sample["limitRefusals"] = _errors(
        snapshot, before, "limit_checks_total", passed_s, lambda labels: labels[1] == "refused"
    )
    hits, misses = (
        snapshot.by("cache_reads_total", 1).get(outcome, 0) - before.by("cache_reads_total", 1).get(outcome, 0)
        for outcome in ("hit", "miss")
    )
    sample["cacheReads"] = hits + misses
    sample["cacheMisses"] = misses
    if hits + misses:
        sample["cacheHitRate"] = round(hits / (hits + misses), 4)
    lag = lately("event_loop_lag_seconds")
    greatest = peaks.loop_lag_s if lag.count else None
    for name, percent in (("loopLagMs", 99.0), ("eventLoopLagP50Ms", 50.0), ("eventLoopLagP95Ms", 95.0)):
        _put(sample, name, lag.percentile(percent, greatest=greatest))
    _put(sample, "eventLoopLagMaxMs", greatest)
    sample["gcPauseMs"] = round(lately("gc_pause_seconds").sum * 1000, 3)
    acks, deliveries = lately("command_seconds", "sendMessage"), lately("message_delivery_seconds")
    for percent in (50, 95, 99):
        _put(sample, f"sendToAckP{percent}Ms", acks.percentile(percent))
        _put(sample, f"sendToDeliveryP{percent}Ms", deliveries.percentile(percent))
    _put(sample, "databaseP95Ms", lately("store_operation_seconds").percentile(95))
    _put(sample, "slowestQueryMs", peaks.store_operation_s or None)
    _put(sample, "httpP95Ms", lately("http_request_seconds").percentile(95))
    return sample


FAULTS = frozenset({"internal", "unavailable", "timeout"})  # a command's errors that are not its sender's


def _shares(gauges: Mapping[str, float]) -> dict[str, float]:
    """Those of which both sides are known."""
    shares = {
        name: [
            100 * gauges[part] / gauges[whole] for part, whole in pairs if part in gauges and gauges.get(whole, 0) > 0
        ]
        for name, pairs in SHARES.items()
    }
    return {name: round(max(found), 3) for name, found in shares.items() if found}


def _errors(
    snapshot: MetricsSnapshot,
    before: MetricsSnapshot,
    family: str,
    passed_s: float,
    wanted: Callable[[tuple[str, ...]], bool],
) -> float:
    """How many of a family's label values that are wanted, a second."""
    now, then = (
        sum(value for labels, value in one.counters.get(family, ()) if wanted(labels)) for one in (snapshot, before)
    )
    return round((now - then) / passed_s, 3)


def _answers(snapshot: MetricsSnapshot) -> tuple[float, float]:
    """How many requests and commands were answered, and how many of them failed through no fault of their sender's.

    Not those to /health: that a probe is told of trouble is no more trouble.
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


def _put(sample: dict[str, float], name: str, seconds: float | None) -> None:
    if seconds is not None:
        sample[name] = round(seconds * 1000, 3)
