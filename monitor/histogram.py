"""Histograms with fixed buckets: those of several processes can be added, and those of two moments subtracted.

Knows no metric.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

# Upper bounds in seconds, inclusive. One more bucket counts the values above the last bound.
LATENCY_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08),
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0),
)
# Lags need a better resolution: each bound is a fifth above the one before.
LAG_S = tuple(round(0.0005 * 1.2**step, 6) for step in range(62))  # 0.5 ms to 34 s


class Histogram:
    """The number of values by bucket, and their sum. `counts` has one element more than `bounds`."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float], counts: Sequence[int] | None = None, total: float = 0.0) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1) if counts is None else list(counts)
        self.sum = total

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value `times` times.

        Safe on several threads: CPython 3.11 switches threads at calls and loops only, and an addition has neither.
        """
        place = bisect_left(self.bounds, value)
        self.counts[place] += times
        self.sum += value * times

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        count = self.count
        return self.sum / count if count else None

    def copy(self) -> Histogram:
        return Histogram(self.bounds, self.counts, self.sum)

    def since(self, earlier: Histogram | None) -> Histogram:
        """Return the values that were counted after `earlier`, a copy of this histogram; None: all values."""
        if earlier is None:
            return self.copy()
        counts = [now - before for now, before in zip(self.counts, earlier.counts, strict=True)]
        return Histogram(self.bounds, counts, self.sum - earlier.sum)

    def percentile(self, percent: float, *, greatest: float | None = None) -> float | None:
        """Return the value that `percent` % of the values do not exceed; None without values.

        It is interpolated linearly within its bucket, and is at most `greatest`, the greatest value if that is known.
        In the bucket above the last bound the estimate ends at `greatest`, or is that bound.
        """
        rank = percent / 100 * self.count
        if not self.count:
            return None
        below = 0
        for place, count in enumerate(self.counts):
            if count and below + count >= rank:
                low = self.bounds[place - 1] if place else 0.0
                high = self.bounds[place] if place < len(self.bounds) else max(low, greatest or low)
                value = low + (high - low) * max(0.0, rank - below) / count
                return value if greatest is None else min(value, greatest)
            below += count
        return greatest if greatest is not None else self.bounds[-1]


def merged(histograms: Iterable[Histogram], bounds: Sequence[float]) -> Histogram:
    """Return the sum, bucket by bucket. A histogram with another number of buckets (of a process of another version) is
    left out.
    """
    total = Histogram(bounds)
    for one in histograms:
        if len(one.counts) == len(total.counts):
            total.counts = [a + b for a, b in zip(total.counts, one.counts, strict=True)]
            total.sum += one.sum
    return total
