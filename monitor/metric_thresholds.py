"""At which value of a metric of the history an alert or a health check is due: what charts draw a line at.

An alert may ask for more than one value (a duration, a number of reads): that is in monitor/alert_rules.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from monitor.alert_thresholds import Thresholds
from monitor.metric_families import Number


class MetricThreshold(Struct, frozen=True, rename="camel"):
    """In the metric's unit. Health is degraded past `degraded`, the alert raised at `alert`; `is_low_bad`: below it."""

    degraded: float
    alert: float
    is_low_bad: bool = False


def thresholds_by_metric(
    thresholds: Thresholds, *, gauges: Mapping[str, Number], store_queue_max: int
) -> dict[str, MetricThreshold]:
    """Return the thresholds of one process, by metric; of memory and disk only where `gauges` say how much there is."""
    queue = store_queue_max * thresholds.store_queue_percent / 100
    hits = round(1 - thresholds.cache_miss_percent / 100, 4)
    found = {
        "cpu": MetricThreshold(thresholds.cpu_percent, thresholds.cpu_percent),
        "connections": MetricThreshold(float(thresholds.connections), float(thresholds.connections)),
        "loopLagMs": MetricThreshold(thresholds.loop_lag_degraded_ms, thresholds.loop_lag_alert_ms),
        "storeQueue": MetricThreshold(queue, queue),
        "cacheHitRate": MetricThreshold(hits, hits, True),
        "memoryPercent": MetricThreshold(thresholds.memory_percent, thresholds.memory_percent),
    }
    if memory := gauges.get("memory_limit_bytes"):
        most = memory * thresholds.memory_percent / 100
        found["memory"] = MetricThreshold(most, most)
    if disk := gauges.get("disk_size_bytes"):
        least = min(disk * (1 - thresholds.disk_used_percent / 100), thresholds.disk_free_plenty_bytes)
        found["diskFreeBytes"] = MetricThreshold(least, least, True)
    return found
