"""The thresholds of the alerts and of the health checks, in one record. docs/operations.md explains each one."""

from __future__ import annotations

from msgspec import Struct


class Thresholds(Struct, frozen=True, kw_only=True):
    """Fields without a default are settings of the operator.

    A health check is degraded above its threshold; an alert is raised at its threshold or above. Percentages are 0 to
    100; 100 % of CPU is one core.
    """

    # ---- settings ------------------------------------------------------------------------------------------------
    cpu_percent: float
    memory_percent: float
    connections: int
    slow_query_ms: int  # one store operation; health: the answer to a probe of the store
    cache_latency_ms: int  # health only: the answer to a probe of the cache
    cache_miss_percent: float
    pool_percent: float  # places for WebSockets, connections to the database

    # ---- fixed ---------------------------------------------------------------------------------------------------
    loop_lag_degraded_ms: float = 100.0  # health: p99 of the lag
    loop_lag_alert_ms: float = 250.0
    loop_lag_unhealthy_ms: float = 2_000.0  # clients have given up by then
    store_queue_percent: float = 50.0
    # p95 of store operations: a burst occupies both readers for a few milliseconds, which no user notices.
    database_wait_ms: float = 100.0
    replication_lag_s: float = 10.0
    cache_memory_percent: float = 90.0
    disk_used_percent: float = 95.0
    disk_free_plenty_bytes: float = 20e9  # with more free the disk does not count as full: of a large disk, 5 % is much
    error_percent: float = 5.0
    hours_left: float = 24.0  # until the nearest limit that is forecast
    # With fewer reads or answers than these, a percentage of them is not significant.
    cache_reads_min: int = 100
    answers_min: int = 50
