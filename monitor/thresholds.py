"""The thresholds of the alerts and of the health checks, in one table. docs/operations.md says what each one means.

Knows neither who compares with them nor where their values come from.
"""

from __future__ import annotations

from msgspec import Struct


class Thresholds(Struct, frozen=True, kw_only=True):
    """Those without a default are set by the operator; one record serves alerts and health alike.

    A health check degrades above its threshold, an alert is raised at it. `_percent` is 0 to 100, of CPU of one core.
    """

    # ---- the operator's ------------------------------------------------------------------------------------------
    cpu_percent: float
    memory_percent: float
    connections: int
    slow_query_ms: int  # one store operation; health: the answer to a probe of the store
    cache_latency_ms: int  # health only: the answer to a probe of the cache
    cache_miss_percent: float
    pool_percent: float  # places for WebSockets, connections to the database

    # ---- fixed ---------------------------------------------------------------------------------------------------
    loop_lag_degraded_ms: float = 100.0  # health: p99
    loop_lag_alert_ms: float = 250.0
    loop_lag_unhealthy_ms: float = 2_000.0  # a client that waits that long has given up
    store_queue_percent: float = 50.0
    # At p95: a burst fills two readers for a few milliseconds, which no user notices.
    database_wait_ms: float = 100.0
    replication_lag_s: float = 10.0
    cache_memory_percent: float = 90.0
    disk_used_percent: float = 95.0
    disk_free_plenty_bytes: float = 20e9  # with more free than this a disk is not full: 5 % of a large one is plenty
    error_percent: float = 5.0
    # Fewer reads, or answers, than these say nothing about a percentage of them.
    cache_reads_min: int = 100
    answers_min: int = 50
