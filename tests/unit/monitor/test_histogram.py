"""A histogram's buckets add up and subtract exactly, and its percentiles stay within the bucket of the true value."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from monitor.histogram import LAG_S, LATENCY_S, Histogram, merged

seconds = st.floats(0, 20, allow_nan=False)
BOUNDS = st.sampled_from([LATENCY_S, LAG_S])


def filled(bounds, values) -> Histogram:
    histogram = Histogram(bounds)
    for value in values:
        histogram.observe(value)
    return histogram


@given(BOUNDS, st.lists(st.lists(seconds), max_size=4))
def test_what_is_merged_is_as_if_one_had_counted_all(bounds, parts):
    together = merged([filled(bounds, part) for part in parts], bounds)
    alone = filled(bounds, [value for part in parts for value in part])
    assert together.counts == alone.counts
    assert abs(together.sum - alone.sum) < 1e-6


@given(BOUNDS, st.lists(seconds), st.lists(seconds))
def test_what_was_counted_since_a_copy_is_what_came_after_it(bounds, before, after):
    histogram = filled(bounds, before)
    copy = histogram.copy()
    for value in after:
        histogram.observe(value)
    assert histogram.since(copy).counts == filled(bounds, after).counts


@given(BOUNDS, st.lists(seconds, min_size=1), st.floats(1, 100))
def test_a_percentile_is_in_the_bucket_of_the_true_one(bounds, values, percent):
    true = sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]
    place = bisect_left(bounds, true)
    low, high = (bounds[place - 1] if place else 0.0), bounds[min(place, len(bounds) - 1)]
    estimate = filled(bounds, values).percentile(percent)
    assert low <= estimate <= max(low, high)
    assert filled(bounds, values).percentile(percent, greatest=max(values)) <= max(values)


def test_a_value_on_a_bound_counts_below_it_and_one_above_all_in_the_last_bucket():
    histogram = filled((1.0, 2.0), [1.0, 2.0, 3.0])
    assert histogram.counts == [1, 1, 1]
    assert histogram.percentile(100) == 2.0
    assert histogram.percentile(100, greatest=3.0) == 3.0


def test_without_values_there_is_no_percentile_and_no_mean():
    empty = Histogram(LATENCY_S)
    assert (empty.count, empty.mean, empty.percentile(99)) == (0, None, None)


def test_one_with_other_bounds_is_left_out():
    assert merged([filled((1.0,), [0.5]), filled((1.0, 2.0), [0.5])], (1.0,)).count == 1


def test_a_weighted_value_counts_as_often_as_it_says():
    histogram = Histogram(LATENCY_S)
    histogram.observe(0.01, 300)
    assert (histogram.count, round(histogram.sum, 6)) == (300, 3.0)


def test_the_lags_bounds_are_at_most_a_fifth_apart():
    assert all(high / low < 1.201 for low, high in pairwise(LAG_S))
    assert LAG_S[0] == 0.0005
    assert LAG_S[-1] > 30
