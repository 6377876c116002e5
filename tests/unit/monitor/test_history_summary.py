"""The summary of a metric's points."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.history_summary import summary_of, trend_of
from monitor.sample_ring import Cell

EPOCH_S = 1_800_000_000.0


@given(
    st.floats(-1e3, 1e3),
    st.floats(-1e6, 1e6),
    st.lists(st.integers(0, 100_000), min_size=3, max_size=50, unique=True).filter(
        lambda times: max(times) - min(times) > 60
    ),
)
def test_a_line_has_its_slope_and_no_error(slope: float, start: float, times: list[int]) -> None:
    trend = trend_of([(EPOCH_S + at_s, start + slope * at_s / 3600) for at_s in times])
    assert trend is not None
    assert trend.slope_per_hour == pytest.approx(slope, rel=1e-6, abs=1e-4)
    assert trend.error == pytest.approx(0, abs=1e-3)


def test_the_error_is_the_standard_error_of_the_slope() -> None:
    # By hand: the line is 1.5 + x/2, its residues -1/2, 1, -1/2; 1.5 / (3 - 2) / 2.
    trend = trend_of([(EPOCH_S, 1.0), (EPOCH_S + 3600, 3.0), (EPOCH_S + 7200, 2.0)])
    assert trend is not None
    assert (trend.slope_per_hour, trend.error) == (pytest.approx(0.5), pytest.approx(sqrt(0.75)))


def test_two_points_or_points_at_one_time_have_no_trend() -> None:
    assert trend_of([]) is None
    assert trend_of([(EPOCH_S, 1.0), (EPOCH_S + 5, 2.0)]) is None
    assert trend_of([(EPOCH_S, 1.0), (EPOCH_S, 2.0), (EPOCH_S, 3.0)]) is None


@given(st.lists(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20), min_size=1, max_size=60))
def test_least_mean_95_percent_and_most_are_in_order(rows: list[list[float]]) -> None:
    cells = [Cell(5.0 * n, min(row), sum(row), max(row), len(row)) for n, row in enumerate(rows)]
    summary = summary_of(cells)
    assert summary.min is not None and summary.mean is not None and summary.p95 is not None and summary.max is not None
    assert summary.min == min(map(min, rows))
    assert summary.max == max(map(max, rows))
    assert summary.min <= summary.mean <= summary.max
    means = sorted(cell.mean for cell in cells)
    assert summary.min <= means[len(means) // 2] <= summary.p95 <= means[-1] <= summary.max


def test_of_a_hundred_points_the_95th_is_the_95th() -> None:
    summary = summary_of([Cell(5.0 * n, n, n, n, 1) for n in range(100, 0, -1)])
    assert (summary.p95, summary.mean) == (95, 50.5)


def test_a_mean_counts_each_sample_once_however_many_are_in_a_point() -> None:
    assert summary_of([Cell(0.0, 1.0, 10.0, 1.0, 10), Cell(60.0, 12.0, 12.0, 12.0, 1)]).mean == 2.0


def test_nothing_comes_to_nothing() -> None:
    summary = summary_of([])
    assert {summary.min, summary.mean, summary.max, summary.p95, summary.trend} == {None}
