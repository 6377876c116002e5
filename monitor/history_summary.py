"""The summary of a metric's history: minimum, mean, maximum, 95th percentile and linear trend. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from operator import mul

from msgspec import Struct

from monitor.sample_ring import Cell


class Trend(Struct, frozen=True, rename="camel"):
    """The least-squares slope per hour, and its standard error.

    A slope below twice its error is not significant.
    """

    slope_per_hour: float
    error: float


class Summary(Struct, frozen=True):
    """`min`, `mean` and `max` are of all samples, so they include short peaks; `p95` and `trend` are of the points that
    are shown.
    """

    min: float | None
    mean: float | None
    max: float | None
    p95: float | None
    trend: Trend | None


def summary_of(cells: Sequence[Cell]) -> Summary:
    """Return the summary of these cells; its fields are None if there are none."""
    if not cells:
        return Summary(None, None, None, None, None)
    least, most = min(cell.least for cell in cells), max(cell.most for cell in cells)
    mean = sum(cell.total for cell in cells) / sum(cell.samples for cell in cells)
    points = [(cell.at_s, cell.mean) for cell in cells]
    return Summary(
        least, min(max(mean, least), most), most, _percentile(95, [value for _, value in points]), trend_of(points)
    )


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """Return the trend of points (seconds, value).

    None for fewer than 3 points, since a line fits any two, or if all have the same time.
    """
    count = len(points)
    if count < 3:
        return None
    # Times are relative to their mean: squares of epoch seconds would use up the digits of a float.
    middle_s = sum(at_s for at_s, _ in points) / count
    mean = sum(value for _, value in points) / count
    hours = [(at_s - middle_s) / 3600 for at_s, _ in points]
    spread = sum(hour * hour for hour in hours)
    if spread <= 0:
        return None
    values = [value - mean for _, value in points]
    slope = sum(map(mul, hours, values)) / spread
    residue = sum((value - slope * hour) ** 2 for hour, value in zip(hours, values, strict=True))
    return Trend(slope, sqrt(residue / (count - 2) / spread))


def _percentile(percent: float, values: Sequence[float]) -> float:
    values = sorted(values)
    return values[max(0, ceil(percent / 100 * len(values)) - 1)]
