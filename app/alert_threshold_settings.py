"""Reads the thresholds of alerts and health checks from the settings."""

from __future__ import annotations

from app.settings import Settings
from monitor.alert_thresholds import Thresholds


def thresholds_from(settings: Settings) -> Thresholds:
    """Return the thresholds that alerts and health checks share."""
    monitor = settings.monitor
    return Thresholds(
        cpu_percent=monitor.alert_cpu_percent,
        memory_percent=monitor.alert_memory_percent,
        connections=monitor.alert_connections,
        slow_query_ms=monitor.alert_slow_query_ms,
        cache_latency_ms=settings.redis.timeout_ms,
        cache_miss_percent=monitor.alert_cache_miss_percent,
        pool_percent=monitor.alert_pool_percent,
    )
