"""The monitor's parts wired together, started and stopped: what measures by itself, the sampler, what is told to other
processes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from monitor.disk_space import DiskWatch
from monitor.gc_pauses import GcPauses
from monitor.loop_lag import LoopLag
from monitor.loop_watchdog import Watchdog
from monitor.measurements import Measurements
from monitor.metrics import Metrics, Readings
from monitor.process_stats import ProcessWatch
from monitor.sampler import Sample, Sampler

TOLD_FOR_INTERVALS = 3  # a process whose numbers are older than so many is not shown
TOLD_FOR_AT_LEAST_S = 3.0


class Monitor:
    """`measures` None: nothing is measured.

    `tell(payload, at_s=…, ttl_s=…)` (None: there are none) and `told()` reach the other processes.

    `data_dir` None: nothing is kept on this machine's disk.
    `lag` is the loop's, which others read as well: whoever made it starts it, and has it tell `measurements.loop_lag`.
    """

    def __init__(
        self,
        *,
        process_id: str,
        measurements: Measurements | None,
        data_dir: Path | None,
        readings: Callable[[], Readings],
        busiest: Callable[[int], Mapping[str, int]],
        tell: Callable[..., None] | None,
        told: Callable[[], Awaitable[Sequence[bytes] | None]],
        lag: LoopLag,
        interval_s: float,
    ) -> None:
        loop = asyncio.get_running_loop()
        ttl_s = max(TOLD_FOR_INTERVALS * interval_s, TOLD_FOR_AT_LEAST_S)

        def publish(payload: bytes) -> None:
            if tell is not None:
                tell(payload, at_s=time.time(), ttl_s=ttl_s)

        self.metrics = Metrics(
            process_id=process_id,
            measurements=measurements,
            watch=None if measurements is None else ProcessWatch(),
            disk=None if measurements is None or data_dir is None else DiskWatch(folder=data_dir),
            readings=readings,
            busiest=busiest,
            publish=publish,
            fetch=told,
            now=time.time,
        )
        self.sampler = Sampler(
            loop=loop, snapshot=self.metrics.renewed, peaks=self.metrics.peaks, interval_s=interval_s
        )
        self._tells = tell is not None and measurements is not None
        if self._tells:
            self.sampler.subscribers.append(lambda at_s, sample: self.metrics.tell())
        self._parts: Sequence[Sampler | GcPauses | Watchdog] = ()
        if measurements is not None:
            self._parts = (
                GcPauses(told=measurements.gc_pause),
                Watchdog(due_s=lambda: lag.due_s, told=measurements.loop_blocked),
                self.sampler,
            )

    @property
    def newest(self) -> Sample | None:
        """The newest sample; None before the first, and where nothing is measured."""
        return self.sampler.newest

    def start(self) -> None:
        for part in self._parts:
            part.start()
        if self._tells:
            self.metrics.tell()

    def stop(self) -> None:
        """Idempotent."""
        for part in self._parts:
            part.stop()
