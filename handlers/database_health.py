"""The health of the store: a probe, cached for a second, compared with thresholds. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from handlers.health_report import HealthReport, check, report_of, unreachable
from monitor.alert_thresholds import Thresholds
from store.contract import Store
from store.errors import StoreError
from store.store_inspection import StoreInspection

PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0


class DatabaseHealth:
    """Probes the store at most once a second, for any number of callers: a health check must not be a load.

    `now` gives monotonic seconds.
    """

    def __init__(self, *, store: Store, thresholds: Thresholds, now: Callable[[], float]) -> None:
        self._store = store
        self._thresholds = thresholds
        self._now = now
        self._lock = asyncio.Lock()
        self._seen: StoreInspection | str = ""  # or why the probe failed
        self._probed_at: float | None = None

    async def report(self) -> HealthReport:
        """Return the report of /health/database, within two seconds."""
        seen = await self._probe()
        return unreachable(seen) if isinstance(seen, str) else compare(seen, self._thresholds)

    async def inspection(self) -> StoreInspection | None:
        """Return what the probe found; None if the store did not answer."""
        seen = await self._probe()
        return None if isinstance(seen, str) else seen

    async def _probe(self) -> StoreInspection | str:
        async with self._lock:
            if self._probed_at is None or self._now() - self._probed_at >= PROBE_EVERY_S:
                try:
                    async with asyncio.timeout(PROBE_TIMEOUT_S):
                        self._seen = await self._store.inspect()
                except (StoreError, TimeoutError) as error:
                    self._seen = str(error) or "no answer"
                self._probed_at = self._now()
            return self._seen


def compare(inspection: StoreInspection, thresholds: Thresholds) -> HealthReport:
    """Compare what a probe found with the thresholds."""
    pool = inspection.pool
    pool_percent = round(100 * pool.in_use / pool.limit, 1)
    queue_percent = round(100 * inspection.pending_writes / inspection.pending_writes_limit, 1)
    wrong, lag_s = inspection.wrong_indexes, inspection.replication_lag_s
    latency_ms = round(inspection.latency_ms, 3)
    checks = {
        "reachable": check(True, True, None),
        "latencyMs": check(inspection.latency_ms <= thresholds.slow_query_ms, latency_ms, thresholds.slow_query_ms),
        # A full pool is no fault while nobody waits for it
        "poolPercent": check(
            pool_percent < thresholds.pool_percent or not pool.waiting, pool_percent, thresholds.pool_percent
        ),
        "poolWaiting": check(pool.waiting <= pool.limit, pool.waiting, pool.limit),
        "queuePercent": check(
            queue_percent <= thresholds.store_queue_percent, queue_percent, thresholds.store_queue_percent
        ),
        "wrongIndexes": check(not wrong, list(wrong), []),
    }
    if lag_s is not None:
        checks["replicationLagS"] = check(lag_s <= thresholds.replication_lag_s, lag_s, thresholds.replication_lag_s)
    return report_of(checks, latency_ms)
