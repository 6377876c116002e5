"""The health of the process: its newest sample, compared with thresholds. Measures nothing, and knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.health_report import HealthReport, check, report_of
from monitor.alert_thresholds import Thresholds


class PerformanceHealth:
    """`newest` returns the newest sample, None before the first; `connections` and `store_queue` are known without one.

    With `store_queue_max` messages in the queue, more are refused.
    """

    def __init__(
        self,
        *,
        newest: Callable[[], Mapping[str, float] | None],
        connections: Callable[[], int],
        store_queue: Callable[[], int],
        store_queue_max: int,
        thresholds: Thresholds,
    ) -> None:
        self._newest = newest
        self._connections = connections
        self._store_queue = store_queue
        self._store_queue_max = store_queue_max
        self._thresholds = thresholds

    async def report(self) -> HealthReport:
        """Return the report of /health/performance.

        `latencyMs` is the 99th percentile of the event loop's lag, which every request waits at least.
        """
        sample, thresholds = self._newest() or {}, self._thresholds
        connections, queue = self._connections(), self._store_queue()
        queue_max = self._store_queue_max * thresholds.store_queue_percent / 100
        checks = {
            "connections": check(connections <= thresholds.connections, connections, thresholds.connections),
            "storeQueue": check(queue <= queue_max, queue, queue_max, fails=queue >= self._store_queue_max),
        }
        if "cpu" in sample:
            checks["cpu"] = check(sample["cpu"] <= thresholds.cpu_percent, sample["cpu"], thresholds.cpu_percent)
        if "memoryPercent" in sample:
            percent = sample["memoryPercent"]
            checks["memory"] = check(percent <= thresholds.memory_percent, percent, thresholds.memory_percent)
        lag_ms = sample.get("loopLagMs")
        if lag_ms is not None:
            checks["loopLagMs"] = check(
                lag_ms <= thresholds.loop_lag_degraded_ms,
                lag_ms,
                thresholds.loop_lag_degraded_ms,
                fails=lag_ms > thresholds.loop_lag_unhealthy_ms,
            )
        return report_of(checks, lag_ms)
