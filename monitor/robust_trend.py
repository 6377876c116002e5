"""The slope of a noisy series, with its confidence interval, by Theil and Sen. Pure functions.

The slope is the median of the slopes between all pairs of points (Theil 1950; Sen 1968, "Estimates of the regression
coefficient based on Kendall's tau", JASA 63): up to 29 % of the points may be wild without moving it, where least
squares follow a single spike. The interval is of the ranks of those slopes (Sen; Gilbert 1987, "Statistical Methods
for Environmental Pollution Monitoring", 16.5), so it needs no distribution of the noise. Ties are not corrected for,
which makes the interval wider at most.

Both assume that the noise of one point says nothing of the next one. That of a process does: memory that is high now
was high a minute ago. So the variance is multiplied by (1 + r) / (1 - r), r being the correlation of neighbouring
residuals: as in Santer et al. 2000, "Statistical significance of trends and trend differences in layer-average
atmospheric temperature time series", J. Geophys. Res. 105.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, inf, sqrt
from statistics import median

from msgspec import Struct

Point = tuple[float, float]  # time, value

# The normal distribution's quantiles: 95 % on both sides, and 90 % on one.
Z_95_PERCENT = 1.96
Z_ONE_SIDED_90_PERCENT = 1.2816
# A smooth curve's residuals have a correlation of nearly 1, however small they are: above this it says nothing more.
CORRELATION_MAX = 0.8


class Slope(Struct, frozen=True):
    """A slope per unit of time, and the bounds of its confidence interval; a bound that is not known is infinite."""

    low: float
    middle: float
    high: float


def slope_of(points: Sequence[Point], *, z: float, correlation: float) -> Slope:
    """Return the slope of points in the order of time, of which no two have the same.

    `z` is the quantile of the interval, `correlation` that of neighbouring residuals. The work grows with the square
    of the number of points.
    """
    slopes = sorted(
        (value - before) / (at - before_at)
        for place, (at, value) in enumerate(points)
        for before_at, before in points[:place]
    )
    pairs, count = len(slopes), len(points)
    if not pairs:
        return Slope(-inf, 0.0, inf)
    variance = count * (count - 1) * (2 * count + 5) / 18 * (1 + correlation) / (1 - correlation)
    ranks = z * sqrt(variance)
    low, high = floor((pairs - ranks) / 2) - 1, ceil((pairs + ranks) / 2)
    return Slope(
        slopes[low] if low >= 0 else -inf,
        (slopes[(pairs - 1) // 2] + slopes[pairs // 2]) / 2,
        slopes[high] if high < pairs else inf,
    )


def level_at(at: float, points: Sequence[Point], slope: float) -> float:
    """Return the value at a time of the line with that slope which leaves half of the points above it."""
    return median(value + slope * (at - point_at) for point_at, value in points)


def correlation_of(points: Sequence[Point]) -> float:
    """Return the correlation of neighbouring residuals of the line through the points: 0 to CORRELATION_MAX."""
    slope = slope_of(points, z=0.0, correlation=0.0).middle
    residuals = [value - slope * at for at, value in points]
    mean = sum(residuals) / len(residuals)
    residuals = [residual - mean for residual in residuals]
    variance = sum(residual * residual for residual in residuals)
    if variance <= 0:
        return 0.0
    shared = sum(one * other for one, other in pairwise(residuals))
    return min(max(0.0, shared / variance), CORRELATION_MAX)
