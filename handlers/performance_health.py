"""How well the process is: its newest sample, judged against thresholds. Looks at nothing itself, and knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from handlers.health_report import Report, check, judged

LOOP_LAG_MS = 100.0
LOOP_LAG_FAILS_MS = 2_000.0  # who waits that long has given up
STORE_QUEUE_PERCENT = 50.0


@dataclass(frozen=True, slots=True)
class PerformanceThresholds:
    """Above which a check is `degraded`; past `store_queue_max` messages are refused."""

    cpu_percent: float
    memory_percent: float
    connections: int
    store_queue_max: int


class PerformanceHealth:
    """`newest` gives the newest sample, None before the first;
    `connections` and `store_queue` are known without one.
    """

    def __init__(
        self,
        *,
        newest: Callable[[], Mapping[str, float] | None],
        connections: Callable[[], int],
        store_queue: Callable[[], int],
        thresholds: PerformanceThresholds,
    ) -> None:
        self._newest = newest
        self._connections = connections
        self._store_queue = store_queue
        self._thresholds = thresholds

    async def report(self) -> Report:
        """/health/performance.

        `latencyMs` is the event loop's: what a request waits at least, at the 99th percentile.
        """
        sample, thresholds = self._newest() or {}, self._thresholds
        connections, queue = self._connections(), self._store_queue()
        queue_max = thresholds.store_queue_max * STORE_QUEUE_PERCENT / 100
        checks = {
            "connections": check(connections <= thresholds.connections, connections, thresholds.connections),
            "storeQueue": check(queue <= queue_max, queue, queue_max, fails=queue >= thresholds.store_queue_max),
        }
        if "cpu" in sample:
            checks["cpu"] = check(sample["cpu"] <= thresholds.cpu_percent, sample["cpu"], thresholds.cpu_percent)
        if "memoryPercent" in sample:
            percent = sample["memoryPercent"]
            checks["memory"] = check(percent <= thresholds.memory_percent, percent, thresholds.memory_percent)
        lag_ms = sample.get("loopLagMs")
        if lag_ms is not None:
            checks["loopLagMs"] = check(lag_ms <= LOOP_LAG_MS, lag_ms, LOOP_LAG_MS, fails=lag_ms > LOOP_LAG_FAILS_MS)
        return judged(checks, lag_ms)
