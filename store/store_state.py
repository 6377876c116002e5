"""What an operator wants to know of a store now. Owns shapes only."""

from __future__ import annotations

from msgspec import Struct


class PoolState(Struct, frozen=True):
    """Connections (SQLite: readers): in use now, operations that wait for one, and how many there may be."""

    in_use: int
    waiting: int
    limit: int


class Inspection(Struct, frozen=True):
    """A store, looked at. `latency_ms`: of a write and a read; `wrong_indexes`: missing, or not as they should be.

    `replication_lag_s`: of the secondary that is furthest behind, None without a replica set (or without the right to
    ask).
    """

    latency_ms: float
    pool: PoolState
    pending_writes: int
    pending_writes_limit: int
    wrong_indexes: tuple[str, ...] = ()
    replication_lag_s: float | None = None
