"""The slope by Theil and Sen, and its interval."""

from __future__ import annotations

import random
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.robust_trend import CORRELATION_MAX, Z_95_PERCENT, correlation_of, level_at, slope_of

TIMES = st.lists(st.integers(-1000, 0), min_size=12, max_size=40, unique=True).map(sorted)


@given(TIMES, st.floats(-1e3, 1e3), st.floats(-1e6, 1e6))
def test_a_line_has_its_slope_and_an_interval_of_no_width(times: list[int], slope: float, start: float) -> None:
    points = [(float(at), start + slope * at) for at in times]
    found = slope_of(points, z=Z_95_PERCENT, correlation=0.0)
    for bound in (found.low, found.middle, found.high):
        assert bound == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert level_at(0.0, points, found.middle) == pytest.approx(start, rel=1e-6, abs=1e-3)


@given(TIMES, st.randoms(use_true_random=False))
def test_a_quarter_of_wild_points_moves_nothing_far(times: list[int], chance: random.Random) -> None:
    points = [(float(at), 2.0 * at) for at in times]
    for place in chance.sample(range(len(points)), len(points) // 4):
        points[place] = (points[place][0], chance.choice((-1e9, 1e9)))
    assert slope_of(points, z=0.0, correlation=0.0).middle == pytest.approx(2.0)


def test_the_median_and_the_bounds_are_those_of_the_books_ranks() -> None:
    # By hand: the slopes are 1, 2, 2, 2, 2.5 and 3; sqrt(4 x 3 x 13 / 18) is 2.94, and 0.7 times that 2.06, so the
    # interval is of the ranks (6 - 2.06) / 2 = 1.97 and (6 + 2.06) / 2 + 1 = 5.03, each rounded outwards.
    points = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 6.0)]
    found = slope_of(points, z=0.7, correlation=0.0)
    assert (found.low, found.middle, found.high) == (1.0, 2.0, 3.0)


def test_the_interval_is_wider_where_neighbours_are_alike_and_unknown_of_few_points() -> None:
    chance = random.Random(1)
    points = [(float(at), at + chance.gauss(0, 5)) for at in range(30)]
    narrow, wide = (slope_of(points, z=Z_95_PERCENT, correlation=r) for r in (0.0, 0.5))
    assert wide.low < narrow.low < narrow.middle < narrow.high < wide.high
    few = slope_of(points[:4], z=Z_95_PERCENT, correlation=0.0)
    assert (few.low, few.high) == (-inf, inf)
    assert slope_of(points[:1], z=0.0, correlation=0.0).middle == 0


def test_19_of_20_intervals_have_the_true_slope_in_them() -> None:
    chance, inside = random.Random(7), 0
    for _ in range(400):
        found = slope_of(
            [(float(at), 0.3 * at + chance.gauss(0, 4)) for at in range(40)], z=Z_95_PERCENT, correlation=0.0
        )
        inside += found.low <= 0.3 <= found.high
    assert 0.92 * 400 <= inside <= 0.98 * 400


def test_neighbours_are_alike_in_a_wander_and_not_in_noise() -> None:
    chance = random.Random(3)
    noise = [(float(at), at + chance.gauss(0, 1)) for at in range(60)]
    assert correlation_of(noise) < 0.3
    level, wander = 0.0, []
    for at in range(60):
        level += chance.gauss(0, 1)
        wander.append((float(at), level))
    assert correlation_of(wander) > 0.6
    assert correlation_of([(float(at), at * at) for at in range(60)]) == CORRELATION_MAX
    assert correlation_of([(float(at), 5.0) for at in range(60)]) == 0
