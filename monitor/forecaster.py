"""Forecasts when the process runs out of connections, memory, disk and store queue, from the history of its metrics.

Owns which metrics, limits and windows, and when each forecast is made. The arithmetic is in monitor/forecast.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import inf

from msgspec import Struct

from common.task_shutdown import finish_or_cancel
from monitor.forecast import TOO_FEW_POINTS, Forecast, Question, forecast_of
from monitor.history import History
from monitor.part_metrics import PartMetrics
from monitor.robust_trend import Point

log = logging.getLogger(__name__)

EVERY_S = 60.0  # the history has a point a minute
HOUR_S = 3600.0
HOURS, DAY, WEEK = (6 * HOUR_S, 1.5 * HOUR_S), 24 * HOUR_S, 7 * 24 * HOUR_S

CONNECTIONS, MEMORY, DISK, STORE_QUEUE = "connections", "memory", "disk", "storeQueue"
# Resource → gauge of metric_families.py, and → name in the samples that the alert rules get.
GAUGES = {
    CONNECTIONS: "forecast_connections_s",
    MEMORY: "forecast_memory_s",
    DISK: "forecast_disk_s",
    STORE_QUEUE: "forecast_store_queue_s",
}
HOURS_LEFT = {name: f"{name}HoursLeft" for name in GAUGES}


class Resource(Struct, frozen=True, kw_only=True):
    """What may run out. `outlives_process`: what the metric was before a restart says something of now."""

    name: str
    question: Question
    outlives_process: bool


def resources(*, connections_max: int, memory_percent: float) -> tuple[Resource, ...]:
    """Return all resources; one whose metric is in no sample has no forecast.

    `connections_max` is WS_MAX_CONNECTIONS. Memory is forecast until `memory_percent` of the limit that applies, which
    is where its alert is: where the limit is the machine's memory, other processes need the rest.

    What accumulates is forecast further than what comes and goes with the people: see docs/decisions/0037-forecast.md.
    """
    connections = Question(
        metric="connections", limit=float(connections_max), windows_s=(DAY, *HOURS), horizon_spans=1.0
    )
    memory = Question(metric="memoryPercent", limit=memory_percent, windows_s=(DAY, *HOURS), horizon_spans=2.0)
    disk = Question(metric="diskFreeBytes", limit=0.0, falls=True, windows_s=(WEEK, DAY, *HOURS), horizon_spans=4.0)
    queue = Question(metric="storeQueuePercent", limit=100.0, windows_s=HOURS, horizon_spans=1.0)
    return (
        Resource(name=CONNECTIONS, question=connections, outlives_process=True),
        Resource(name=MEMORY, question=memory, outlives_process=False),
        Resource(name=DISK, question=disk, outlives_process=True),
        Resource(name=STORE_QUEUE, question=queue, outlives_process=False),
    )


class _Outlook:
    """One resource: its newest forecast, and what the store has kept of its metric from before the start."""

    __slots__ = ("forecast", "forecast_at_s", "is_read", "kept", "resource")

    def __init__(self, resource: Resource, *, is_read: bool) -> None:
        self.resource = resource
        self.forecast: Forecast | None = None
        self.forecast_at_s: float | None = None
        self.kept: Sequence[Point] = ()
        self.is_read = is_read


class Forecaster:
    """Makes a forecast of each resource every `every_s`, one of them with a sample, so that the event loop is held for
    some 4 ms at most.

    What was kept of the history is read once after the start, in a task of its own, and again after a failure.
    """

    def __init__(self, *, history: History, resources: Sequence[Resource], every_s: float = EVERY_S) -> None:
        self._history = history
        self._every_s = every_s
        self._outlooks = tuple(
            _Outlook(resource, is_read=not (resource.outlives_process and history.is_kept)) for resource in resources
        )
        self._reading: asyncio.Task[None] | None = None
        self._has_logged_failure = False
        self._closed = False

    @property
    def forecasts(self) -> Mapping[str, Forecast]:
        """The newest forecasts by resource; empty before the first sample."""
        return {outlook.resource.name: outlook.forecast for outlook in self._outlooks if outlook.forecast is not None}

    @property
    def hours_left(self) -> Mapping[str, float]:
        """By the names of HOURS_LEFT the hours until each limit, infinite if none is in sight; without those that are
        not known.
        """
        return {
            HOURS_LEFT[name]: inf if forecast.hours is None else forecast.hours
            for name, forecast in self.forecasts.items()
            if forecast.state != TOO_FEW_POINTS
        }

    def metrics(self) -> PartMetrics:
        """Return the seconds until each limit: infinite if none is in sight, or nothing is known."""
        return PartMetrics(
            gauges={
                GAUGES[name]: inf if forecast.hours is None else round(forecast.hours * HOUR_S, 3)
                for name, forecast in self.forecasts.items()
            }
        )

    def on_sample(self, at_s: float, timed_s: float) -> None:
        """Make the forecast that is due, if any, once the history has the sample of `at_s` (the wall clock).

        `timed_s` is the same moment by a monotonic clock. Must be called on the event loop; does not wait.
        """
        due = [
            outlook
            for outlook in self._outlooks
            if outlook.forecast_at_s is None or timed_s - outlook.forecast_at_s >= self._every_s
        ]
        if not due:
            return
        if self._reading is None and not self._closed and not all(outlook.is_read for outlook in self._outlooks):
            self._reading = asyncio.get_running_loop().create_task(self._read(at_s))
        # A first forecast costs nothing: it has one point.
        first = [outlook for outlook in due if outlook.forecast is None]
        for outlook in first or [min(due, key=lambda outlook: outlook.forecast_at_s or -inf)]:
            self._renew(outlook, at_s, timed_s)

    def _renew(self, outlook: _Outlook, at_s: float, timed_s: float) -> None:
        outlook.forecast_at_s = timed_s
        question = outlook.resource.question
        if own := self._history.minute_means(question.metric):
            before = [point for point in outlook.kept if point[0] < own[0][0]]
            outlook.forecast = forecast_of(question, [*before, *own], now_s=at_s)

    async def _read(self, at_s: float) -> None:
        """Read what was kept, and have those forecasts made anew with the next samples."""
        try:
            for outlook in self._outlooks:
                if not outlook.is_read:
                    question = outlook.resource.question
                    outlook.kept = await self._history.means_before_start(
                        question.metric, int(question.windows_s[0] // 60), now_s=at_s
                    )
                    outlook.is_read, outlook.forecast_at_s = True, None
        except Exception as error:
            if not self._has_logged_failure:
                log.warning("what was kept of the history is not in the forecasts yet: %s", error)
            self._has_logged_failure = True
        finally:
            self._reading = None

    async def close(self) -> None:
        """Idempotent."""
        self._closed = True
        await finish_or_cancel(self._reading, within_s=0.0)
