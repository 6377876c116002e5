"""Latencies in bounded memory: a histogram with log-linear buckets, after HdrHistogram."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

_EXACT_BITS = 10  # below 1,024 µs every microsecond has its bucket; above, a bucket is at most 0.2 % wide
_MAX_US = 2**32 - 1


class Histogram:
    """Counts of durations; mergeable, and picklable as a mapping of bucket to count."""

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._counts: dict[int, int] = dict(counts or {})

    def add(self, us: int, times: int = 1) -> None:
        """Count a duration in whole microseconds, once or several times; negative ones count as zero."""
        if us < 1024:
            bucket = us if us > 0 else 0
        else:
            if us > _MAX_US:
                us = _MAX_US
            shift = us.bit_length() - _EXACT_BITS
            bucket = (shift << (_EXACT_BITS - 1)) + (us >> shift)
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + times

    @property
    def count(self) -> int:
        return sum(self._counts.values())

    def counts(self) -> dict[int, int]:
        """What `Histogram(counts)` and `merged` take."""
        return dict(self._counts)

    def mean_ms(self) -> float | None:
        """Within 0.1 %; None where nothing was counted."""
        count = self.count
        return sum(_middle_us(bucket) * many for bucket, many in self._counts.items()) / count / 1000 if count else None

    def max_ms(self) -> float | None:
        """Within 0.2 %; None where nothing was counted."""
        return _lowest_us(max(self._counts)) / 1000 if self._counts else None

    def percentile_ms(self, percent: float) -> float | None:
        """Nearest-rank percentile in milliseconds, within 0.2 %; None where nothing was counted."""
        if not 0 < percent <= 100:
            raise ValueError(f"a percentile is above 0 and at most 100, not {percent}")
        count = self.count
        if not count:
            return None
        rank = math.ceil(count * percent / 100)
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return _lowest_us(bucket) / 1000
        raise AssertionError("unreachable: the counts add up to the count")


def merged(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """One histogram of several processes' counts."""
    total: dict[int, int] = {}
    for counts in histograms:
        for bucket, count in counts.items():
            total[bucket] = total.get(bucket, 0) + count
    return Histogram(total)


def _lowest_us(bucket: int) -> int:
    shift = max(0, (bucket >> (_EXACT_BITS - 1)) - 1)
    return (bucket - (shift << (_EXACT_BITS - 1))) << shift


def _middle_us(bucket: int) -> float:
    return _lowest_us(bucket) if bucket < 1024 else (_lowest_us(bucket) + _lowest_us(bucket + 1)) / 2
