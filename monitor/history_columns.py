"""The history of several metrics over one span of time, in columns beside common times: what charts with one time axis
need. Reads the history; knows no metric by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import Struct

from common.rfc3339 import rfc3339_from_s
from monitor.history import History
from monitor.history_minute import MinutePoint

POINTS_MAX = 480  # about as many as a chart has pixels
HALF_MS = 0.0005  # times are told rounded to milliseconds: what began at one that was told may have begun before it


class Column(Struct, frozen=True):
    """One metric: a value at each of the times, None where there was none. `mean` of the samples of each step, with
    their `min` and `max`, which are left out (None) where each step is one sample.
    """

    mean: list[float | None]
    min: list[float | None] | None
    max: list[float | None] | None


class HistoryColumns(Struct, frozen=True, rename="camel"):
    """`step_s` is in seconds; what was kept from before the process started has steps of a minute at least. `times` are
    when the steps began, in ascending order.
    """

    step_s: int | float
    times: list[str]
    metrics: dict[str, Column]


class _Steps:
    """The aggregates of one metric by step, while they are collected."""

    __slots__ = ("least", "most", "samples", "total")

    def __init__(self, steps: int) -> None:
        self.least = [0.0] * steps
        self.total = [0.0] * steps
        self.most = [0.0] * steps
        self.samples = [0] * steps

    def add(self, places: Iterable[int], aggregates: Iterable[tuple[float, float, float, int]]) -> None:
        """Add the aggregate of a row to the step at its place."""
        least, total, most, samples = self.least, self.total, self.most, self.samples
        for place, (low, sum_, high, count) in zip(places, aggregates, strict=True):
            if not count:
                continue
            if not samples[place]:
                least[place], total[place], most[place], samples[place] = low, sum_, high, count
                continue
            if low < least[place]:
                least[place] = low
            if high > most[place]:
                most[place] = high
            total[place] += sum_
            samples[place] += count

    def column(self) -> Column | None:
        """Return the column; None without a sample."""
        most_samples = max(self.samples, default=0)
        if not most_samples:
            return None
        if most_samples == 1:
            return Column([value if count else None for value, count in self._counted(self.total)], None, None)
        means = [
            min(max(float(f"{total / count:.6g}"), least), most) if count else None
            for total, count, least, most in zip(self.total, self.samples, self.least, self.most, strict=True)
        ]
        return Column(
            means,
            [value if count else None for value, count in self._counted(self.least)],
            [value if count else None for value, count in self._counted(self.most)],
        )

    def _counted(self, values: Sequence[float]) -> Iterable[tuple[float, int]]:
        return zip(values, self.samples, strict=True)


async def history_columns(
    history: History, metrics: Sequence[str], *, minutes: int, since_s: float | None, now_s: float
) -> HistoryColumns:
    """Return the last `minutes` (a day at most) of these metrics, or of them the steps from that of `since_s` on.

    A metric without a value is left out. Lets the loop run between metrics: a day of one of them takes a millisecond.
    """
    span = history.span(minutes, points_max=POINTS_MAX)
    from_s = span.step_of(max(now_s - minutes * 60, since_s or 0.0))
    kept: dict[str, Sequence[MinutePoint]] = {}
    if history.begins_after(from_s):
        for metric in metrics:
            kept[metric] = await history.kept_since(metric, from_s, now_s=now_s, span=span)
    rows = span.ring.rows_since(from_s - HALF_MS)
    steps = [span.step_of(span.ring.time_of(row)) for row in rows]
    times = sorted({point.minute * 60.0 for points in kept.values() for point in points}.union(steps))
    place_of = {at_s: place for place, at_s in enumerate(times)}
    places = [place_of[step] for step in steps]
    columns: dict[str, Column] = {}
    for metric in metrics:
        await asyncio.sleep(0)
        collected = _Steps(len(times))
        before = kept.get(metric, ())
        collected.add(
            (place_of[point.minute * 60.0] for point in before),
            ((point.least, point.total, point.most, point.samples) for point in before),
        )
        # The store has the oldest minute in memory, too, with the samples from before this process
        first = 1 if before and rows and history.is_in_store(span, rows.start) else 0
        collected.add(places[first:], span.ring.aggregates(metric, rows[first:]))
        column = collected.column()
        if column is not None:
            columns[metric] = column
    return HistoryColumns(
        step_s=int(span.step_s) if span.step_s == int(span.step_s) else span.step_s,
        times=[rfc3339_from_s(at_s) for at_s in times],
        metrics=columns,
    )
