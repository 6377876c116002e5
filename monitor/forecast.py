"""When a metric would reach a limit if it went on as it did, and between which times. Pure functions.

A forecast is made of the longest window over which the metric grew steadily, and of none if there is no such window: an
alarm that noise or a step raises teaches operators to ignore it. Steadily means

- that the slope is significant: zero is outside of its 95 % interval (monitor/robust_trend.py);
- that each third of the window grows by itself, and the newest third about as much as all. A step is in one third, and
  what levels off grows less in the newest one. So a shorter window, without the step, is tried next;
- that the metric is higher now than it was before. What rises each morning, or until a clean-up, and falls again by
  itself is forecast only where it passes its last peak, and not at all once it has fallen.

The interval is that of the noise: it says nothing of a load that turns. So no forecast goes further than some times the
span of its window, which is the caller's choice. Reasons and measurements: docs/decisions/0037-forecast.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from monitor.robust_trend import (
    Z_95_PERCENT,
    Z_ONE_SIDED_90_PERCENT,
    Point,
    Slope,
    correlation_of,
    level_at,
    slope_of,
)

POINTS_MAX = 60  # of a window, which is 1,770 pairs and 1 ms
POINTS_MIN = 24  # eight in each third
SPAN_MIN_S = 1800.0
SAME_SLOPE = 0.8  # the newest third's slope may be this share of the slope of all, or the inverse
SPIKES_MAX = 2  # so many points before the window may have been higher
NEWEST = 3  # minutes
NEGLIGIBLE = 0.01  # a share of what the metric grew in the window

LIMIT_IN_SIGHT = "limit_in_sight"
NO_LIMIT_IN_SIGHT = "no_limit_in_sight"
TOO_FEW_POINTS = "too_few_points"


class Forecast(Struct, frozen=True, kw_only=True, rename="camel"):
    """One metric and its limit. All but `metric`, `limit` and `state` are None where they are not known.

    `value` is the newest one, the noise taken out. `hours` until the limit is reached, with a probability of 95 %
    between `hours_earliest` and `hours_latest`; the latter is None if it is beyond the horizon. `slope_per_hour` is in
    the metric's unit, and `span_s` the length of the window that they are computed from.
    """

    metric: str
    limit: float
    state: str
    value: float | None = None
    hours: float | None = None
    hours_earliest: float | None = None
    hours_latest: float | None = None
    slope_per_hour: float | None = None
    span_s: float | None = None


class Question(Struct, frozen=True, kw_only=True):
    """What is forecast: when `metric` reaches `limit`, from below, or where it `falls` from above.

    `windows_s`: the lengths of the windows, the longest first. `horizon_spans`: how far a forecast may go, as a
    multiple of the span of its window.
    """

    metric: str
    limit: float
    windows_s: tuple[float, ...]
    horizon_spans: float
    falls: bool = False


def forecast_of(question: Question, points: Sequence[Point], *, now_s: float) -> Forecast:
    """Return the forecast from points (seconds since the epoch, value) in the order of time."""
    left = [((at_s - now_s) / 3600, _left(question, value)) for at_s, value in points if at_s <= now_s]
    longest: list[Point] = []
    tried = 0
    for window_s in question.windows_s:
        window = [point for point in left if point[0] >= -window_s / 3600]
        if len(window) == tried:
            continue  # the history is shorter than both windows
        tried = len(window)
        joined = thinned(window, POINTS_MAX)
        if not _is_long_enough(joined):
            break
        longest = longest or joined
        slope = steady_decline(joined)
        if slope is None:
            continue
        if _is_record(joined, longest) and not _has_turned(window, joined, slope.middle):
            forecast = _reached(question, joined, slope)
            if forecast is not None:
                return forecast
    if not longest:
        return Forecast(metric=question.metric, limit=question.limit, state=TOO_FEW_POINTS)
    now = level_at(0.0, longest[-(len(longest) // 3) :], 0.0)
    return Forecast(metric=question.metric, limit=question.limit, state=NO_LIMIT_IN_SIGHT, value=_value(question, now))


def _left(question: Question, value: float) -> float:
    """Return what is left until the limit: it shrinks, whichever way the metric goes."""
    return value - question.limit if question.falls else question.limit - value


def _value(question: Question, left: float) -> float:
    return _rounded(question.limit + left if question.falls else question.limit - left)


def _is_long_enough(points: Sequence[Point]) -> bool:
    # The means of the first and the last span lie within the window: they are somewhat nearer to each other.
    return len(points) >= POINTS_MIN and points[-1][0] - points[0][0] >= 0.95 * SPAN_MIN_S / 3600


def steady_decline(points: Sequence[Point]) -> Slope | None:
    """Return the slope of points (hours, value) that decline steadily; None if they do not."""
    correlation = correlation_of(points)
    slope = slope_of(points, z=Z_95_PERCENT, correlation=correlation)
    if slope.high >= 0:
        return None
    third = len(points) // 3
    for part in (points[:third], points[third:-third], points[-third:]):
        newest = slope_of(part, z=Z_ONE_SIDED_90_PERCENT, correlation=correlation)
        if newest.high >= 0:
            return None
    is_same = newest.low <= slope.middle * SAME_SLOPE and newest.high >= slope.middle / SAME_SLOPE
    return slope if is_same else None


def _newest_level(points: Sequence[Point]) -> float:
    return median(left for _, left in points[-(len(points) // 3) :])


def _is_record(points: Sequence[Point], longest: Sequence[Point]) -> bool:
    """Return whether less is left at the newest points than before their window, but for some spikes."""
    before = sorted(left for at, left in longest if at < points[0][0])
    return len(before) <= SPIKES_MAX or _newest_level(points) < before[SPIKES_MAX]


def _has_turned(window: Sequence[Point], points: Sequence[Point], slope: float) -> bool:
    """Return whether more is left at the newest points, compared with the line, than at nearly all of the older two
    thirds: what was growing was let go. The slope of all would not tell for hours.
    """
    now = level_at(0.0, points, slope)
    beside = [left - now - slope * at for at, left in window]
    older = sorted(beside[: len(beside) * 2 // 3])
    noise = older[-1 - len(older) // 100]
    return median(beside[-NEWEST:]) > noise + NEGLIGIBLE * abs(slope * window[0][0])


def _reached(question: Question, points: Sequence[Point], slope: Slope) -> Forecast | None:
    """Return the forecast of a steady decline; None if the limit is beyond the horizon."""
    span_hours = points[-1][0] - points[0][0]
    horizon_hours = question.horizon_spans * span_hours
    hours = _hours(points, slope.middle)
    if hours > horizon_hours:
        return None
    latest = max(hours, _hours(points, slope.high))
    return Forecast(
        metric=question.metric,
        limit=question.limit,
        state=LIMIT_IN_SIGHT,
        value=_value(question, level_at(0.0, points, slope.middle)),
        hours=_rounded(hours),
        hours_earliest=_rounded(min(hours, _hours(points, slope.low))),
        hours_latest=_rounded(latest) if latest <= horizon_hours else None,
        slope_per_hour=_rounded(slope.middle if question.falls else -slope.middle),
        span_s=round(span_hours * 3600, 3),
    )


def _hours(points: Sequence[Point], slope: float) -> float:
    """Return in how many hours the line with this slope is at 0."""
    return max(0.0, level_at(0.0, points, slope) / -slope)


def _rounded(value: float) -> float:
    """Round to six significant digits: what a forecast is exact to is said by its interval."""
    return float(f"{value:.6g}")


def thinned(points: Sequence[Point], points_max: int) -> list[Point]:
    """Return `points_max` points at most: the means of as many equal spans of time, those without a point left out."""
    if not points:
        return []
    first, span = points[0][0], points[-1][0] - points[0][0]
    if span <= 0:
        return [points[0]]
    sums: dict[int, tuple[float, float, int]] = {}
    for at, value in points:
        place = min(int((at - first) / span * points_max), points_max - 1)
        at_sum, value_sum, count = sums.get(place, (0.0, 0.0, 0))
        sums[place] = at_sum + at, value_sum + value, count + 1
    return [(at_sum / count, value_sum / count) for _, (at_sum, value_sum, count) in sorted(sums.items())]
