"""/metrics and /metrics/…: metrics for operators, as Prometheus text and as JSON, of this process or of all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from msgspec import Struct

from chat.request_inputs.metrics import Scope
from handlers.base import Handler
from handlers.cache_health import CacheHealth
from handlers.codec.input_decoder import InputDecoder
from handlers.content_encoding import encoded_as_accepted
from handlers.database_health import DatabaseHealth
from handlers.documents.operation import Media, Operation
from monitor import metrics_json, prometheus
from monitor.forecast import Forecast
from monitor.metrics_collector import MetricsCollector
from monitor.metrics_snapshot import MetricsSnapshot, sum_snapshots

SCOPE = InputDecoder(Scope)


class MetricPages:
    """The JSON pages: counters, and on two of them what a probe of the backend found.

    `newest` returns the newest sample of the process, None before the first, and `forecasts` its newest forecasts.
    """

    def __init__(
        self,
        *,
        metrics_collector: MetricsCollector,
        database_health: DatabaseHealth,
        cache_health: CacheHealth,
        newest: Callable[[], Mapping[str, float] | None],
        forecasts: Callable[[], Mapping[str, Forecast]],
    ) -> None:
        self._metrics_collector = metrics_collector
        self._database_health = database_health
        self._cache_health = cache_health
        self._newest = newest
        self._forecasts = forecasts
        self._pages: Mapping[str, Callable[[MetricsSnapshot, bool], Awaitable[dict[str, object]]]] = {
            "performance": self._performance,
            "database": self._database,
            "websocket": self._websocket,
            "cache": self._cache,
        }

    async def page(self, name: str, scope: str) -> dict[str, object]:
        """Return one page of this process, or of the whole cluster."""
        if scope == "process":
            own = self._metrics_collector.snapshot()
            return metrics_json.page_head(own) | {"scope": scope} | await self._pages[name](own, True)
        snapshots, complete = await self._metrics_collector.cluster_snapshots()
        snapshot = await asyncio.to_thread(sum_snapshots, snapshots)  # half a millisecond for each process
        own_head = metrics_json.page_head(self._metrics_collector.snapshot())
        processes = {"complete": complete, "processes": metrics_json.process_list(snapshots)}
        return own_head | {"scope": scope} | processes | await self._pages[name](snapshot, len(snapshots) == 1)

    async def of(self, snapshot: MetricsSnapshot, *, is_one_process: bool) -> dict[str, dict[str, object]]:
        """Return all pages of this snapshot, by name."""
        return {name: await page(snapshot, is_one_process) for name, page in self._pages.items()}

    async def _performance(self, snapshot: MetricsSnapshot, is_one_process: bool) -> dict[str, object]:
        own = {"lately": self._newest(), "forecast": dict(self._forecasts())}
        return metrics_json.performance(snapshot, is_one_process=is_one_process) | own

    async def _database(self, snapshot: MetricsSnapshot, is_one_process: bool) -> dict[str, object]:
        seen = await self._database_health.inspection()
        pool = (
            None
            if seen is None
            else {"inUse": seen.pool.in_use, "waiting": seen.pool.waiting, "limit": seen.pool.limit}
        )
        return metrics_json.database(snapshot) | {"pool": pool}

    async def _websocket(self, snapshot: MetricsSnapshot, is_one_process: bool) -> dict[str, object]:
        return metrics_json.websocket(snapshot, is_one_process=is_one_process)

    async def _cache(self, snapshot: MetricsSnapshot, is_one_process: bool) -> dict[str, object]:
        return await self._cache_health.backend() | metrics_json.cache(snapshot)


class OnePage(Struct, frozen=True):
    """The pages, and which of them a route serves."""

    pages: MetricPages
    name: str


class MetricsHandler(Handler[OnePage]):
    """One page as JSON."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read one page of the metrics",
            query=SCOPE,
            replies={200: dict[str, Any]},
            example={"scope": "process"},
        )
    }
    is_for_operators = True

    async def get(self) -> None:
        self.reply(await self.services.pages.page(self.services.name, self.query(SCOPE).scope))


class Exposition(Struct, frozen=True):
    """What Prometheus reads: the snapshots' source, and the labels of the build."""

    metrics_collector: MetricsCollector
    build: Mapping[str, str]


class PrometheusHandler(Handler[Exposition]):
    """The metrics of this process as text; Prometheus scrapes each process and aggregates itself."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(summary="Read all metrics in Prometheus' text format", replies={200: Media("text/plain")})
    }
    is_for_operators = True

    async def get(self) -> None:
        self.set_header("Content-Type", prometheus.CONTENT_TYPE)
        # On a thread: rendering some hundred series takes 10 ms, which would delay messages
        numbers = self.services.metrics_collector.snapshot(with_rooms=False)
        text = await asyncio.to_thread(prometheus.render, numbers, about=self.services.build)
        self.finish(encoded_as_accepted(self, text))
