"""The thresholds that the unit tests of alerts and health checks compare with."""

from __future__ import annotations

from monitor.alert_thresholds import Thresholds

THRESHOLDS = Thresholds(
    cpu_percent=80,
    memory_percent=85,
    connections=5000,
    slow_query_ms=1000,
    cache_latency_ms=100,
    cache_miss_percent=20,
    pool_percent=90,
)
