"""How well the store is: one look at it, cached, judged against thresholds. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from store.contract import Store
from store.errors import StoreError
from store.inspection import Inspection

LOOK_EVERY_S = 1.0
REPLICATION_LAG_S = 10.0
QUEUE_PERCENT = 50.0

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above which a check is `degraded`."""

    latency_ms: float
    pool_percent: float


@dataclass(frozen=True, slots=True)
class Report:
    """What /health/database answers."""

    status: str
    checks: dict[str, dict[str, Any]]
    latency_ms: float | None

    def shown(self) -> dict[str, Any]:
        return {"status": self.status, "checks": self.checks, "latencyMs": self.latency_ms}


class DatabaseHealth:
    """Looks at the store once a second at most, however many ask: a health check must not be a load."""

    def __init__(self, *, store: Store, thresholds: Thresholds, now: Callable[[], float]) -> None:
        self._store = store
        self._thresholds = thresholds
        self._now = now
        self._lock = asyncio.Lock()
        self._report: Report | None = None
        self._looked_at = 0.0

    async def report(self) -> Report:
        """The newest report; the store's own deadline bounds the wait."""
        async with self._lock:
            if self._report is None or self._now() - self._looked_at >= LOOK_EVERY_S:
                self._report = await self._look()
                self._looked_at = self._now()
            return self._report

    async def _look(self) -> Report:
        try:
            inspection = await self._store.inspect()
        except StoreError as error:
            reached = {"status": UNHEALTHY, "value": str(error), "threshold": None}
            return Report(UNHEALTHY, {"reachable": reached}, None)
        return judged(inspection, self._thresholds)


def judged(inspection: Inspection, thresholds: Thresholds) -> Report:
    """Hold what was seen against the thresholds. The whole is as well as the worst of its parts."""
    pool = inspection.pool
    pool_percent = round(100 * pool.in_use / pool.limit, 1)
    queue_percent = round(100 * inspection.pending_writes / inspection.pending_writes_limit, 1)
    wrong, lag_s = inspection.wrong_indexes, inspection.replication_lag_s
    latency_ms = round(inspection.latency_ms, 3)
    checks = {
        "reachable": _check(True, True, None),
        "latencyMs": _check(inspection.latency_ms <= thresholds.latency_ms, latency_ms, thresholds.latency_ms),
        # A full pool is no fault as long as nobody waits for it.
        "poolPercent": _check(
            pool_percent < thresholds.pool_percent or not pool.waiting, pool_percent, thresholds.pool_percent
        ),
        "poolWaiting": _check(pool.waiting <= pool.limit, pool.waiting, pool.limit),
        "queuePercent": _check(queue_percent <= QUEUE_PERCENT, queue_percent, QUEUE_PERCENT),
        "wrongIndexes": _check(not wrong, list(wrong), []),
    }
    if lag_s is not None:
        checks["replicationLagS"] = _check(lag_s <= REPLICATION_LAG_S, lag_s, REPLICATION_LAG_S)
    well = all(check["status"] == HEALTHY for check in checks.values())
    return Report(HEALTHY if well else DEGRADED, checks, latency_ms)


def _check(well: bool, value: object, threshold: object) -> dict[str, Any]:
    return {"status": HEALTHY if well else DEGRADED, "value": value, "threshold": threshold}
