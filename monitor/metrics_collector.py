"""Makes snapshots of all metrics of this process, and collects the snapshots of the other processes."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import structs

from monitor.alert import Alert
from monitor.counting_observer import CountingObserver, Peaks
from monitor.disk_space import DiskProbe, DiskSample
from monitor.metric_families import Labels, Number
from monitor.metrics_snapshot import InvalidSnapshot, MetricsSnapshot, decode_snapshot, encode_snapshot
from monitor.part_metrics import MeasuredPart
from monitor.resource_usage import ResourceProbe, ResourceUsage

log = logging.getLogger(__name__)

PROCESSES_MAX = 256
SLEWED_MAX_S = 1.0  # a smaller difference is NTP slewing the clock, not a change of it
ROOMS_PUBLISHED = 100  # enough that the ten busiest rooms of all processes are very likely among them


class MetricsCollector:
    """Makes snapshots. With `counting_observer` and `resource_probe` None they have only the metrics of `parts`.

    `disk_probe` None: no data is on a disk of this machine. `busiest(n)` returns the n rooms with most connections.
    `newest_sample` and `active_alerts` return what the other processes are told besides. `fetch` returns the snapshots
    that the live processes have sent (None: they cannot be read). `now` is the wall clock in seconds, `timed` a
    monotonic one.
    """

    def __init__(
        self,
        *,
        process_id: str,
        counting_observer: CountingObserver | None,
        resource_probe: ResourceProbe | None,
        disk_probe: DiskProbe | None,
        parts: Sequence[MeasuredPart],
        busiest: Callable[[int], Mapping[str, int]],
        newest_sample: Callable[[], Mapping[str, float] | None],
        active_alerts: Callable[[], Sequence[Alert]],
        send: Callable[[bytes], None],
        fetch: Callable[[], Awaitable[Sequence[bytes] | None]],
        now: Callable[[], float],
        timed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process_id = process_id
        self._counting_observer = counting_observer
        self._resource_probe = resource_probe
        self._disk_probe = disk_probe
        self._parts = parts
        self._busiest = busiest
        self._newest_sample = newest_sample
        self._active_alerts = active_alerts
        self._send = send
        self._fetch = fetch
        self._now = now
        self._timed = timed
        self._started_s = timed()
        self._started_at_s = now()
        self._usage: ResourceUsage | None = None
        self._disk_sample: DiskSample | None = None
        self._has_logged_refusal = False

    def snapshot(self, *, with_rooms: bool = True) -> MetricsSnapshot:
        """Return all present metrics; those of the operating system are from the newest `refreshed_snapshot`."""
        counting_observer, usage = self._counting_observer, self._usage
        counters: dict[str, list[tuple[Labels, Number]]] = {}
        gauges: dict[str, Number] = {}
        for metrics in (part.metrics() for part in self._parts):
            gauges |= metrics.gauges
            counters |= {family: [*values] for family, values in metrics.counters.items()}
        if usage is not None:
            gauges |= _gauges_of(usage)
            counters["process_cpu_seconds_total"] = [((), usage.cpu_seconds)]
        if self._disk_sample is not None:
            gauges |= {"disk_free_bytes": self._disk_sample.free_bytes, "disk_size_bytes": self._disk_sample.size_bytes}
        if counting_observer is not None:
            counters |= counting_observer.counters()
            gauges["connections_peak"] = counting_observer.peak
        at_s = self._now()
        return MetricsSnapshot(
            process_id=self._process_id,
            at_s=round(at_s, 3),
            started_at_s=round(self._started_at(at_s), 3),
            counters=counters,
            histograms={} if counting_observer is None else counting_observer.histograms(),
            gauges=gauges,
            rooms=dict(self._busiest(ROOMS_PUBLISHED)) if with_rooms else {},
            slow=[] if counting_observer is None else list(counting_observer.slow),
        )

    def _started_at(self, at_s: float) -> float:
        """Return when the process started, by the wall clock as it is set now: readers compute the uptime from it."""
        started_at_s = at_s - (self._timed() - self._started_s)
        if abs(started_at_s - self._started_at_s) > SLEWED_MAX_S:
            self._started_at_s = started_at_s
        return min(self._started_at_s, at_s)

    def refreshed_snapshot(self) -> MetricsSnapshot:
        """Probe the operating system, and return all present metrics without the rooms."""
        if self._resource_probe is not None:
            with contextlib.suppress(OSError):  # no descriptor is left to read with: the previous values stay
                self._usage = self._resource_probe.sample()
        if self._disk_probe is not None:
            self._disk_sample = self._disk_probe.sample()
        return self.snapshot(with_rooms=False)

    def peaks(self) -> Peaks:
        """Return the greatest values since the last call."""
        return Peaks() if self._counting_observer is None else self._counting_observer.peaks()

    # ---- all processes -------------------------------------------------------------------------------------------

    def own_snapshot(self) -> MetricsSnapshot:
        """Return this process's snapshot as the other processes are told it: with its newest sample and its alerts."""
        sample = dict(self._newest_sample() or {})
        return structs.replace(self.snapshot(), sample=sample, alerts=list(self._active_alerts()))

    def publish(self) -> None:
        """Send this process's snapshot to the other processes."""
        try:
            self._send(encode_snapshot(self.own_snapshot()))
        except InvalidSnapshot as refused:
            if not self._has_logged_refusal:
                self._has_logged_refusal = True
                log.warning("this process's metrics cannot be sent to the others: %s", refused)

    async def cluster_snapshots(self) -> tuple[list[MetricsSnapshot], bool]:
        """Return this process's snapshot and the newest of each other live process, sorted by process id; and whether
        those of the others could be read.
        """
        payloads = await self._fetch()
        found = {}
        for payload in (payloads or ())[:PROCESSES_MAX]:
            try:
                snapshot = decode_snapshot(payload)
            except InvalidSnapshot:
                continue  # a process of another version
            found[snapshot.process_id] = snapshot
        own = self.own_snapshot()
        found[own.process_id] = own
        return [found[process_id] for process_id in sorted(found)], payloads is not None


def _gauges_of(usage: ResourceUsage) -> dict[str, Number]:
    return {
        "cpu_percent": usage.cpu_percent,
        "machine_cpu_percent": usage.machine_cpu_percent,
        "resident_memory_bytes": usage.rss_bytes,
        "memory_limit_bytes": usage.memory_limit_bytes,
        "memory_percent": round(usage.memory_percent, 3),
        "open_fds": usage.open_fds,
        "max_fds": usage.max_fds,
        "threads": usage.threads,
        "heap_blocks": usage.heap_blocks,
        "heap_young": usage.heap_young,
    }
