"""The history of the metrics: steps of 5 s for an hour and minutes for a day in memory, older minutes from `older`.

Knows no store. Bounded: 4 MB with the present 50 metrics. Times are wall-clock seconds since the epoch.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from math import inf

import msgspec
from msgspec import Struct

from common.rfc3339 import rfc3339_from_s
from monitor.history_minute import MinutePoint
from monitor.history_summary import Summary, summary_of
from monitor.sample_ring import Cell, SampleRing

log = logging.getLogger(__name__)

FINE_STEP_S = 5.0
FINE_ROWS = 720
MINUTE_ROWS = 1440
HOUR_MINUTES = 60
DAY_MINUTES = 1440
POINTS_MAX = 1440

# These can be queried from the start, before the first sample.
ALWAYS = ("cpu", "memory", "connections", "messagesIn", "messagesOut", "loopLagMs")

# (metric, since, until, step), times in minutes, `until` exclusive. Returns one point per step, in ascending order.
ReadOlder = Callable[[str, int, int, int], Awaitable[Sequence[MinutePoint]]]


class MetricHistory(Summary, frozen=True, kw_only=True, rename="camel"):
    """The points of one metric, each of a time and a value, with their summary; `step_s` is in seconds."""

    metric: str
    step_s: int | float
    points: list[tuple[str, float]]


class Span(Struct, frozen=True):
    """How a span of time is told: from which rows, and in which steps. `minutes_a_step`: of minutes from the store."""

    ring: SampleRing
    step_s: float
    minutes_a_step: int
    is_in_minutes: bool

    def step_of(self, at_s: float) -> float:
        """Return when the step of this time begins. Minutes are counted from the epoch, so that steps do not move."""
        return at_s // self.step_s * self.step_s if self.is_in_minutes else at_s


class HistoryQueryError(Exception):
    """A query for an unknown metric, or for a time out of range. `details`: by parameter, the allowed values."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__(", ".join(details))
        self.details = dict(details)


class History:
    """Samples come every `interval_s`. `older` reads the minutes that were written (None: none are), which are kept for
    `retention_days`.

    Samples that are less than 5 s apart are aggregated to points of 5 s; otherwise each sample is a point.
    """

    def __init__(self, *, interval_s: float, older: ReadOlder | None = None, retention_days: int = 0) -> None:
        self._interval_s = interval_s
        self._older = older if retention_days else None
        self._fine = SampleRing(rows_max=FINE_ROWS)
        self._minutes = SampleRing(rows_max=MINUTE_ROWS)
        self._minutes_written = 0
        self.minutes_max = max(DAY_MINUTES, retention_days * DAY_MINUTES)

    @property
    def metrics(self) -> list[str]:
        """The names that can be queried."""
        return sorted(self._minutes.metrics.union(ALWAYS))

    def reserve(self, metrics: Collection[str]) -> None:
        """Take the memory of these metrics now: later it would look like a leak, or like the cost of connections."""
        self._fine.reserve(metrics)
        self._minutes.reserve(metrics)

    def add(self, at_s: float, sample: Mapping[str, float]) -> bool:
        """Add a sample. Return True if it began a new minute."""
        fine_at_s = at_s if self._interval_s >= FINE_STEP_S else at_s // FINE_STEP_S * FINE_STEP_S
        _put(self._fine, fine_at_s, sample)
        return _put(self._minutes, at_s // 60 * 60, sample)

    # ---- minutes for the store -----------------------------------------------------------------------------------

    @property
    def minutes_begun(self) -> int:
        """How many minutes have begun since the start; the last one may not be over."""
        return self._minutes.rows

    def minutes(self, since: int, until: int) -> list[MinutePoint]:
        """Return the points of the minutes with these numbers (`until` exclusive) that are still in memory."""
        rows = range(max(since, self._minutes.first_row), min(until, self._minutes.rows))
        return [
            MinutePoint(metric, int(cell.at_s // 60), cell.least, cell.total, cell.most, cell.samples)
            for row in rows
            for metric, cell in self._minutes.row(row)
        ]

    @property
    def minutes_written(self) -> int:
        """How many minutes, from the first on, `older` can read."""
        return self._minutes_written

    def mark_written(self, until: int) -> None:
        """Note that `older` can read the minutes before this number."""
        self._minutes_written = until

    # ---- for forecasts -------------------------------------------------------------------------------------------

    @property
    def is_kept(self) -> bool:
        """Whether `older` is asked for anything: minutes are kept over a restart."""
        return self._older is not None

    def minute_means(self, metric: str) -> list[tuple[float, float]]:
        """Return the times and means of the minutes in memory, in the order of time."""
        return [(cell.at_s, cell.mean) for cell in self._minutes.cells(metric)]

    async def means_before_start(self, metric: str, minutes: int, *, now_s: float) -> list[tuple[float, float]]:
        """Return times and means of what `older` has of the last `minutes` before those in memory, POINTS_MAX at most.

        Raises the errors of `older`.
        """
        minutes = min(minutes, self.minutes_max)
        cells = await self._before_memory(metric, minutes, now_s, -(-minutes // POINTS_MAX))
        return [(cell.at_s, cell.mean) for cell in cells]

    # ---- queries -------------------------------------------------------------------------------------------------

    async def query(self, metric: str, minutes: int, *, now_s: float) -> MetricHistory:
        """Return the points of the last `minutes`, and their summary.

        Raises HistoryQueryError; beyond a day also the errors of `older`.
        """
        self._check(metric, minutes)
        step = -(-minutes // POINTS_MAX)
        if minutes > HOUR_MINUTES:
            kept = await self._kept(metric, minutes, now_s, step)
        else:
            since_s = now_s - minutes * 60
            step_s = max(FINE_STEP_S, self._interval_s)
            # If the process started later than `since_s`, the time before its start is known by the minute only.
            is_whole = self._older is None or _reaches(self._fine, since_s + step_s)
            kept = [] if is_whole else await self._kept(metric, minutes, now_s, step)
            if not self._is_older(metric, kept):
                return _shown(metric, step_s, [cell for cell in self._fine.cells(metric) if cell.at_s >= since_s])
        cells = self._by_minute(metric, minutes, now_s, step, kept)
        return _shown(metric, max(60.0 * step, self._interval_s), cells)

    # ---- several metrics at once: monitor/history_columns.py --------------------------------------------------------

    def span(self, minutes: int, *, points_max: int) -> Span:
        """Return how the last `minutes`, a day at most, are told in at most `points_max` steps, or those of an hour."""
        if minutes <= HOUR_MINUTES:
            return Span(self._fine, max(FINE_STEP_S, self._interval_s), 1, False)
        step = -(-minutes // points_max)
        return Span(self._minutes, max(60.0 * step, self._interval_s), step, True)

    def begins_after(self, at_s: float) -> bool:
        """Return whether only `older` can have what was at that time."""
        return self._older is not None and at_s < self._first_s

    def is_in_store(self, span: Span, row: int) -> bool:
        """Return whether `older` has this row of the span, too."""
        return span.is_in_minutes and row == self._minutes.first_row and self._is_first_written

    async def kept_since(self, metric: str, since_s: float, *, now_s: float, span: Span) -> Sequence[MinutePoint]:
        """Return what `older` has from that time until the oldest minute in memory; none where it cannot be read.

        With that minute where the span is told in minutes: an earlier process may have had a part of it.
        """
        step = span.minutes_a_step
        since = int(since_s // 60) // step * step
        until = int(min(now_s, self._first_s) // 60) + span.is_in_minutes
        if self._older is None or until <= since:
            return []
        try:
            return await self._older(metric, since, until, step)
        except Exception as error:
            log.warning("what was kept of the history cannot be read: %s", error)
            return []

    # ---- what is in memory -------------------------------------------------------------------------------------------

    @property
    def _first_s(self) -> float:
        """When the oldest minute in memory began; infinite if there is none."""
        return self._minutes.time_of(self._minutes.first_row) if self._minutes.rows else inf

    @property
    def _is_first_written(self) -> bool:
        return self._minutes.first_row < self._minutes_written

    def _is_older(self, metric: str, kept: Sequence[Cell]) -> bool:
        """Return whether any of these minutes contains samples from before this process."""
        own = {cell.at_s: cell.samples for cell in self._minutes.cells(metric)} if self._is_first_written else {}
        return any(cell.at_s < self._first_s or cell.samples > own.get(cell.at_s, 0) for cell in kept)

    def _check(self, metric: str, minutes: int) -> None:
        wrong = {}
        if metric not in (names := self.metrics):
            wrong["metric"] = "takes one of " + ", ".join(names)
        if not 1 <= minutes <= self.minutes_max:
            wrong["minutes"] = f"takes a whole number from 1 to {self.minutes_max}"
        if wrong:
            raise HistoryQueryError(wrong)

    def _by_minute(self, metric: str, minutes: int, now_s: float, step: int, kept: Sequence[Cell]) -> list[Cell]:
        """Return the minutes from the store and from memory, aggregated to one cell per step."""
        since_s = _since(minutes, now_s, step) * 60.0
        step_s = step * 60
        if kept and self._is_first_written:
            # The store has the oldest minute in memory, too, with the samples from before this process
            since_s = max(since_s, self._first_s + 60)
        joined: dict[float, Cell] = {}
        for cell in (*kept, *(cell for cell in self._minutes.cells(metric) if cell.at_s >= since_s)):
            at_s = cell.at_s // step_s * step_s
            before = joined.get(at_s)
            joined[at_s] = msgspec.structs.replace(cell, at_s=at_s) if before is None else before.joined(cell)
        return [joined[at_s] for at_s in sorted(joined)]

    async def _kept(self, metric: str, minutes: int, now_s: float, step: int) -> list[Cell]:
        """Return what the store has from before the minutes in memory; beyond a day, raises the errors of `older`."""
        try:
            return await self._before_memory(metric, minutes, now_s, step)
        except Exception as error:
            if minutes > DAY_MINUTES:
                raise
            log.warning("what was kept of the history cannot be read: %s", error)
            return []  # the minutes in memory are shown; their times say where they begin

    async def _before_memory(self, metric: str, minutes: int, now_s: float, step: int) -> list[Cell]:
        since = _since(minutes, now_s, step)
        # The oldest minute in memory may have begun in the process before this one, which wrote its part.
        until = int(min(now_s, self._first_s) // 60) + 1
        if self._older is None or until <= since:
            return []
        points = await self._older(metric, since, until, step)
        return [Cell(point.minute * 60.0, point.least, point.total, point.most, point.samples) for point in points]


def _put(series: SampleRing, at_s: float, sample: Mapping[str, float]) -> bool:
    """Add a sample to the row of this time. Return True if it began a row that is not the first."""
    is_new = not series.rows or series.time_of(series.rows - 1) != at_s
    if is_new:
        series.begin(at_s)
    series.put(sample)
    return is_new and series.rows > 1


def _reaches(series: SampleRing, at_s: float) -> bool:
    return series.rows > 0 and series.time_of(series.first_row) <= at_s


def _since(minutes: int, now_s: float, step: int) -> int:
    """Return the minute in which the first step of a query begins.

    Steps are counted from the epoch, so that they do not move from query to query.
    """
    return (int(now_s // 60) - minutes + 1) // step * step


def _shown(metric: str, step_s: float, cells: Sequence[Cell]) -> MetricHistory:
    return MetricHistory(
        metric=metric,
        step_s=int(step_s) if step_s == int(step_s) else step_s,
        points=[(rfc3339_from_s(cell.at_s), cell.mean) for cell in cells],
        **msgspec.structs.asdict(summary_of(cells)),
    )
