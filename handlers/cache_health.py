"""The health of the cache, the bus and the limiter: a probe, cached for a second, compared with thresholds.

Knows no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from cache.cache_inspection import CacheInspection, CacheUnreachable
from cache.contract import Cache
from cluster.contract import Bus
from handlers.health_report import HealthReport, check, report_of, unreachable
from limits.contract import Limiter
from monitor.alert_thresholds import Thresholds
from monitor.cache_counts import CacheCounts

PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0


class CacheHealth:
    """Probes the cache at most once a second. `now` gives monotonic seconds."""

    def __init__(
        self,
        *,
        cache: Cache,
        bus: Bus,
        limiter: Limiter | None,
        counts: CacheCounts,
        thresholds: Thresholds,
        now: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._bus = bus
        self._limiter = limiter  # None unless it should count for all processes
        self._counts = counts
        self._thresholds = thresholds
        self._now = now
        self._lock = asyncio.Lock()
        self._state: CacheInspection | CacheUnreachable | None = None
        self._probed_at = 0.0

    async def report(self) -> HealthReport:
        """Return the report of /health/cache, within two seconds."""
        state = await self._probe()
        if isinstance(state, CacheUnreachable):
            return unreachable(str(state))
        thresholds = self._thresholds
        checks = {"reachable": check(True, True, None), "bus": check(not self._bus.lost, not self._bus.lost, None)}
        if self._limiter is not None:
            counted_by = "all processes" if self._limiter.is_shared else "this process alone"
            checks["limits"] = check(self._limiter.is_shared, counted_by, "all processes")
        if state.latency_ms is not None:
            checks["latencyMs"] = check(
                state.latency_ms <= thresholds.cache_latency_ms, state.latency_ms, thresholds.cache_latency_ms
            )
        if state.max_bytes and state.used_bytes is not None:
            percent = round(100 * state.used_bytes / state.max_bytes, 1)
            # The cache in the process is meant to be full: it evicts the oldest entries
            checks["memoryPercent"] = check(
                percent < thresholds.cache_memory_percent or state.backend == "memory",
                percent,
                thresholds.cache_memory_percent,
            )
        reads, misses = self._counts.totals()
        percent = round(100 * misses / reads, 1) if reads else 0.0
        checks["missPercent"] = check(
            percent <= thresholds.cache_miss_percent or reads < thresholds.cache_reads_min,
            percent,
            thresholds.cache_miss_percent,
        )
        return report_of(checks, state.latency_ms)

    async def backend(self) -> dict[str, object]:
        """Return the state of the backend, for /metrics/cache."""
        state = await self._probe()
        shown: dict[str, object] | None = None if isinstance(state, CacheUnreachable) else msgspec.to_builtins(state)
        return {"backend": shown, "busLost": self._bus.lost}

    async def _probe(self) -> CacheInspection | CacheUnreachable:
        async with self._lock:
            if self._state is None or self._now() - self._probed_at >= PROBE_EVERY_S:
                try:
                    async with asyncio.timeout(PROBE_TIMEOUT_S):
                        self._state = await self._cache.inspect()
                except TimeoutError:
                    self._state = CacheUnreachable("no answer")
                except CacheUnreachable as away:
                    self._state = away
                self._probed_at = self._now()
            return self._state
