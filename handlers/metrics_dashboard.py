"""/metrics/snapshot: all that the dashboard shows, in one reply. Why: docs/decisions/0043-dashboard.md."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Struct

from cache.contract import CacheClosed
from chat.errors import ChatError
from chat.request_inputs.metrics import SnapshotQuery
from common.rfc3339 import epoch_ms_of, rfc3339_from_s
from handlers.base import Handler
from handlers.cache_health import CacheHealth
from handlers.codec.input_decoder import InputDecoder
from handlers.codec.json_codec import encode_result
from handlers.database_health import DatabaseHealth
from handlers.documents.operation import Operation
from handlers.health import About, Liveness, liveness_of
from handlers.health_report import HealthReport
from handlers.metrics import MetricPages
from handlers.performance_health import PerformanceHealth
from monitor.alert import Alert
from monitor.alerts import AlertLists, Alerts
from monitor.history import History
from monitor.history_columns import HistoryColumns, history_columns
from monitor.metric_families import Number
from monitor.metric_thresholds import MetricThreshold
from monitor.metrics_collector import MetricsCollector
from monitor.metrics_snapshot import MetricsSnapshot, busiest_rooms, sum_snapshots
from store.errors import StoreError
from store.models import Room

# What the history of the dashboard has: a few of the metrics, so that its size is bounded.
HISTORY_METRICS = (
    *("connections", "messagesIn", "messagesOut", "sendToAckP95Ms", "sendToDeliveryP95Ms", "loopLagMs", "cpu"),
    *("memory", "cacheHitRate", "storeQueue", "databaseP95Ms", "httpErrors", "diskFreeBytes"),
)
# What is told of the newest sample of each process.
SAMPLE_METRICS = frozenset((*HISTORY_METRICS, "memoryPercent", "shedLevel"))
ROOMS_WITHIN_S = 0.5
QUERY = InputDecoder(SnapshotQuery)


class ProcessState(Struct, frozen=True, rename="camel"):
    """One live process: SAMPLE_METRICS of its newest sample, none where nothing is measured, and its active alerts."""

    process_id: str
    at: str
    uptime_s: float
    connections: float | None
    connections_peak: float | None
    connections_max: float | None
    sample: dict[str, float]
    alerts: list[Alert]


class BusyRoom(Struct, frozen=True, rename="camel"):
    """One of the rooms with the most connections. Only a public room is called by its `name`: whoever reads metrics is
    no member of the others.
    """

    room_id: str
    name: str | None
    kind: Literal["public", "private", "direct", "deleted", "unknown"]
    connections: int


class HealthReports(Struct, frozen=True):
    """The reports of /health/performance, database and cache."""

    performance: HealthReport
    database: HealthReport
    cache: HealthReport


class DashboardSnapshot(Struct, frozen=True, rename="camel"):
    """`answered_by` is the process that answers; `health`, `alerts` and `about` are its own.

    `process_id`: which process the pages are of, None for all. `complete`: the others could be asked. `history` is None
    where it was not asked for, and where only another process has it.
    """

    at: str
    answered_by: str
    scope: str
    process_id: str | None
    complete: bool
    about: Liveness
    processes: list[ProcessState]
    performance: dict[str, Any]
    websocket: dict[str, Any]
    database: dict[str, Any]
    cache: dict[str, Any]
    health: HealthReports
    alerts: AlertLists
    thresholds: dict[str, MetricThreshold]
    rooms: list[BusyRoom]
    history: HistoryColumns | None


class DashboardSnapshots:
    """Makes the snapshots. `thresholds` returns those of this process, of its gauges; `room` returns a room, None if it
    is gone; `now` is the wall clock in seconds.
    """

    def __init__(
        self,
        *,
        about: About,
        metrics_collector: MetricsCollector,
        metric_pages: MetricPages,
        performance_health: PerformanceHealth,
        database_health: DatabaseHealth,
        cache_health: CacheHealth,
        alerts: Alerts,
        history: History,
        thresholds: Callable[[Mapping[str, Number]], dict[str, MetricThreshold]],
        room: Callable[[str], Awaitable[Room | None]],
        now: Callable[[], float],
    ) -> None:
        self._about = about
        self._metrics_collector = metrics_collector
        self._metric_pages = metric_pages
        self._performance_health = performance_health
        self._database_health = database_health
        self._cache_health = cache_health
        self._alerts = alerts
        self._history = history
        self._thresholds = thresholds
        self._room = room
        self._now = now

    async def snapshot(self, query: SnapshotQuery) -> DashboardSnapshot:
        """Return what is asked for. Raises ChatError not_found for a process that does not live."""
        snapshots, complete = await self._metrics_collector.cluster_snapshots()
        own_id = self._about.process_id
        own = next(one for one in snapshots if one.process_id == own_id)
        is_of_all = query.scope == "cluster"
        if is_of_all:
            shown = own if len(snapshots) == 1 else await asyncio.to_thread(sum_snapshots, snapshots)
        else:
            shown = _found(snapshots, query.process or own_id)
        is_own_history = shown is own
        pages = await self._metric_pages.of(shown, is_one_process=not is_of_all or len(snapshots) == 1)
        if not is_own_history:
            pages["performance"] |= {"lately": shown.sample or None, "forecast": {}}
        reports = await asyncio.gather(
            self._performance_health.report(), self._database_health.report(), self._cache_health.report()
        )
        return DashboardSnapshot(
            at=rfc3339_from_s(own.at_s),
            answered_by=own_id,
            scope=query.scope,
            process_id=None if is_of_all else shown.process_id,
            complete=complete,
            about=liveness_of(self._about),
            processes=[_state_of(one) for one in snapshots],
            performance=pages["performance"],
            websocket=pages["websocket"],
            database=pages["database"],
            cache=pages["cache"],
            health=HealthReports(*reports),
            alerts=self._alerts.shown(),
            thresholds=self._thresholds(own.gauges),
            rooms=await self._busy_rooms(list(busiest_rooms(shown.rooms))),
            history=await self._history_of(query) if is_own_history and query.minutes is not None else None,
        )

    async def _busy_rooms(self, rooms: Sequence[tuple[str, int]]) -> list[BusyRoom]:
        try:
            async with asyncio.timeout(ROOMS_WITHIN_S):
                return list(await asyncio.gather(*(self._busy_room(*room) for room in rooms)))
        except (StoreError, CacheClosed, TimeoutError):  # the store is away: all else is to be seen all the more
            return [BusyRoom(room_id, None, "unknown", connections) for room_id, connections in rooms]

    async def _busy_room(self, room_id: str, connections: int) -> BusyRoom:
        room = await self._room(room_id)
        if room is None:
            return BusyRoom(room_id, None, "deleted", connections)
        if room.kind == "direct":
            return BusyRoom(room_id, None, "direct", connections)
        if room.is_private:
            return BusyRoom(room_id, None, "private", connections)
        return BusyRoom(room_id, room.name, "public", connections)

    async def _history_of(self, query: SnapshotQuery) -> HistoryColumns:
        since_s = None if query.since is None else epoch_ms_of(query.since) / 1000
        return await history_columns(
            self._history, HISTORY_METRICS, minutes=query.minutes or 1, since_s=since_s, now_s=self._now()
        )


def _found(snapshots: Sequence[MetricsSnapshot], process_id: str) -> MetricsSnapshot:
    for one in snapshots:
        if one.process_id == process_id:
            return one
    raise ChatError("not_found", "There is no such process, or it has ended.")


def _state_of(one: MetricsSnapshot) -> ProcessState:
    return ProcessState(
        process_id=one.process_id,
        at=rfc3339_from_s(one.at_s),
        uptime_s=round(one.at_s - one.started_at_s, 3),
        connections=one.gauges.get("connections"),
        connections_peak=one.gauges.get("connections_peak"),
        connections_max=one.gauges.get("connections_max"),
        sample={name: value for name, value in one.sample.items() if name in SAMPLE_METRICS},
        alerts=one.alerts,
    )


class SnapshotHandler(Handler[DashboardSnapshots]):
    """One snapshot."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read all that the dashboard shows",
            query=QUERY,
            replies={200: DashboardSnapshot},
            errors=("not_found",),
            example={"scope": "process", "minutes": 5},
        )
    }
    is_for_operators = True

    async def get(self) -> None:
        body = encode_result(await self.services.snapshot(self.query(QUERY)))
        await asyncio.sleep(0)  # to compress a day of history takes 2 ms more
        self.reply_bytes(body)
