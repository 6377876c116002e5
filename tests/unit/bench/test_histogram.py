"""Percentiles are the nearest rank, within 0.2 %, in bounded memory, over any number of processes."""

from __future__ import annotations

import math
import random

import pytest

from bench.histogram import Histogram, merged


def histogram(*us: int) -> Histogram:
    made = Histogram()
    for one in us:
        made.add(one)
    return made


def test_percentiles_of_nothing_are_unknown() -> None:
    assert Histogram().percentile_ms(50) is None


def test_percentiles_are_the_nearest_rank() -> None:
    ten = histogram(*range(100, 1100, 100))
    assert [ten.percentile_ms(percent) for percent in (1, 10, 50, 51, 90)] == [0.1, 0.1, 0.5, 0.6, 0.9]


def test_a_hundred_percent_is_the_slowest() -> None:
    assert histogram(5, 1, 900).percentile_ms(100) == 0.9


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_percentile_that_is_none_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="a percentile"):
        histogram(1).percentile_ms(percent)


def test_percentiles_of_long_times_are_within_two_per_mille() -> None:
    random.seed(7)
    samples = sorted(int(random.lognormvariate(9, 2)) for _ in range(5000))
    made = histogram(*samples)
    for percent in (1, 50, 95, 99, 100):
        exact_ms = samples[math.ceil(len(samples) * percent / 100) - 1] / 1000
        assert made.percentile_ms(percent) == pytest.approx(exact_ms, rel=0.002)


def test_memory_is_bounded_whatever_comes() -> None:
    made = Histogram()
    for us in [-5, *(2**power + extra for power in range(70) for extra in range(0, 2**power, max(1, 2**power // 700)))]:
        made.add(us)
    assert len(made.counts()) <= 1024 + 22 * 512
    assert made.percentile_ms(1) == 0.0 or made.count > 100


def test_processes_are_merged_as_if_they_were_one() -> None:
    one, other = histogram(1, 2, 3000), histogram(2, 70_000)
    both = merged([one.counts(), other.counts()])
    assert both.count == 5
    assert both.counts() == histogram(1, 2, 2, 3000, 70_000).counts()


def test_mean_and_maximum_are_those_of_the_durations() -> None:
    assert (Histogram().mean_ms(), Histogram().max_ms()) == (None, None)
    assert (histogram(100, 200, 600).mean_ms(), histogram(100, 200, 600).max_ms()) == (0.3, 0.6)
    assert histogram(1_000_000, 3_000_000).mean_ms() == pytest.approx(2000, rel=0.002)
    assert histogram(1_000_000, 3_000_000).max_ms() == pytest.approx(3000, rel=0.002)


def test_a_duration_may_be_counted_several_times_at_once() -> None:
    weighed = Histogram()
    weighed.add(0, 98)
    weighed.add(500, 2)
    assert (weighed.count, weighed.percentile_ms(98), weighed.percentile_ms(99)) == (100, 0.0, 0.5)
