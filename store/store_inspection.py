"""The result of inspecting a store, for the health page and the metrics. Owns the shape only."""

from __future__ import annotations

from msgspec import Struct

from monitor.part_metrics import PartMetrics


class PoolState(Struct, frozen=True):
    """Connections (SQLite: readers): the number in use, the operations that wait for one, and the largest number."""

    in_use: int
    waiting: int
    limit: int


class StoreInspection(Struct, frozen=True):
    """The state of a store. `latency_ms`: of a write and a read. `wrong_indexes`: those missing or different.

    `replication_lag_s`: the lag of the slowest secondary; None without a replica set, or without the right to read it.
    """

    latency_ms: float
    pool: PoolState
    pending_writes: int
    pending_writes_limit: int
    wrong_indexes: tuple[str, ...] = ()
    replication_lag_s: float | None = None


def store_metrics(pool: PoolState, *, pending_writes: int, pending_writes_max: int) -> PartMetrics:
    """Return the gauges of a store."""
    return PartMetrics(
        gauges={
            "store_pending_writes": pending_writes,
            "store_pending_writes_max": pending_writes_max,
            "database_pool_in_use": pool.in_use,
            "database_pool_waiting": pool.waiting,
            "database_pool_max": pool.limit,
        }
    )
