"""Builds, starts and stops what measures the process: probes, the sampler and the publication of snapshots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from monitor.alert import Alert
from monitor.counting_observer import CountingObserver
from monitor.disk_space import DiskProbe
from monitor.gc_pauses import GcPauses
from monitor.loop_lag import LoopLag
from monitor.loop_watchdog import LoopWatchdog
from monitor.metrics_collector import MetricsCollector
from monitor.part_metrics import MeasuredPart
from monitor.resource_usage import ResourceProbe
from monitor.sample_values import Sample
from monitor.sampler import Sampler, Subscriber

PUBLISHED_FOR_INTERVALS = 3  # an older snapshot is not shown
PUBLISHED_FOR_AT_LEAST_S = 3.0


class PublishSnapshot(Protocol):
    """Sends an encoded snapshot to the other processes, which may show it for `ttl_s`."""

    def __call__(self, payload: bytes, /, *, at_s: float, ttl_s: float) -> None: ...


class ProcessMonitor:
    """The probes, the collector of metrics and the sampler of one process.

    `counting_observer` None: nothing is measured or sampled. `data_dir` None: no data is on this machine's disk.
    `publish_snapshot` sends a snapshot to the other processes (None: there are none);
    `fetch_snapshots()` returns theirs. `lag` is shared with other parts: its owner starts it. Each of
    `subscribers` is called with each sample, `reserve` at the start with the names that samples have, and
    `active_alerts` for what the other processes are told.
    """

    def __init__(
        self,
        *,
        process_id: str,
        counting_observer: CountingObserver | None,
        data_dir: Path | None,
        parts: Sequence[MeasuredPart],
        busiest: Callable[[int], Mapping[str, int]],
        publish_snapshot: PublishSnapshot | None,
        fetch_snapshots: Callable[[], Awaitable[Sequence[bytes] | None]],
        lag: LoopLag,
        interval_s: float,
        subscribers: Sequence[Subscriber],
        reserve: Callable[[Collection[str]], None],
        active_alerts: Callable[[], Sequence[Alert]],
    ) -> None:
        loop = asyncio.get_running_loop()
        ttl_s = max(PUBLISHED_FOR_INTERVALS * interval_s, PUBLISHED_FOR_AT_LEAST_S)

        def send(payload: bytes) -> None:
            if publish_snapshot is not None:
                publish_snapshot(payload, at_s=time.time(), ttl_s=ttl_s)

        self.metrics_collector = MetricsCollector(
            process_id=process_id,
            counting_observer=counting_observer,
            resource_probe=None if counting_observer is None else ResourceProbe(),
            disk_probe=None if counting_observer is None or data_dir is None else DiskProbe(folder=data_dir),
            parts=parts,
            busiest=busiest,
            newest_sample=lambda: self.newest_sample,
            active_alerts=active_alerts,
            send=send,
            fetch=fetch_snapshots,
            now=time.time,
        )
        self._publishes = publish_snapshot is not None and counting_observer is not None
        self._sampler = Sampler(
            loop=loop,
            snapshot=self.metrics_collector.refreshed_snapshot,
            peaks=self.metrics_collector.peaks,
            interval_s=interval_s,
            # Published last, with the alerts that the sample raised
            subscribers=(*subscribers, self._publish) if self._publishes else subscribers,
            on_start=reserve,
        )
        self._started_parts: Sequence[Sampler | GcPauses | LoopWatchdog] = ()
        if counting_observer is not None:
            self._started_parts = (
                GcPauses(on_pause=counting_observer.gc_pause),
                LoopWatchdog(late_since_s=lambda: lag.late_since_s, on_blocked=counting_observer.loop_blocked),
                self._sampler,
            )

    @property
    def newest_sample(self) -> Sample | None:
        """The newest sample; None before the first, and where nothing is measured."""
        return self._sampler.newest_sample

    def _publish(self, at_s: float, sample: Sample) -> None:
        self.metrics_collector.publish()

    def start(self) -> None:
        for part in self._started_parts:
            part.start()
        if self._publishes:
            self.metrics_collector.publish()

    def stop(self) -> None:
        """Idempotent."""
        for part in self._started_parts:
            part.stop()
