"""Forecasts of made-up histories: lines are forecast exactly; noise, steps and what falls again are not forecast."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp, pi, sin, sqrt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.forecast import (
    LIMIT_IN_SIGHT,
    NO_LIMIT_IN_SIGHT,
    POINTS_MAX,
    SPAN_MIN_S,
    TOO_FEW_POINTS,
    Forecast,
    Question,
    forecast_of,
    thinned,
)
from monitor.robust_trend import Point

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0
DAY_MINUTES = 1440
QUESTION = Question(
    metric="memoryPercent", limit=100.0, windows_s=(24 * HOUR_S, 6 * HOUR_S, 1.5 * HOUR_S), horizon_spans=4.0
)

Value = Callable[[float], float]  # of the hours before now, which are negative
MakeValue = Callable[[random.Random], Value]


def history(value: Value, *, minutes: int = DAY_MINUTES) -> list[Point]:
    """A value for each of the last minutes."""
    return [(NOW_S - 60 * ago, value(-ago / 60)) for ago in range(minutes - 1, -1, -1)]


def forecast(value: Value, *, minutes: int = DAY_MINUTES, question: Question = QUESTION) -> Forecast:
    return forecast_of(question, history(value, minutes=minutes), now_s=NOW_S)


def share_in_sight(make: MakeValue, *, times: int, minutes: int = DAY_MINUTES, question: Question = QUESTION) -> float:
    """The share of random histories whose forecast has the limit in sight."""
    found = [forecast(make(random.Random(seed)), minutes=minutes, question=question).state for seed in range(times)]
    return found.count(LIMIT_IN_SIGHT) / times


def gauss(chance: random.Random, deviation: float) -> Value:
    return lambda _: chance.gauss(0, deviation)


# ---- what is forecast ---------------------------------------------------------------------------------------------


@given(
    now=st.floats(1, 99),
    hours=st.floats(0.01, 90),
    minutes=st.integers(40, 3000),
    falls=st.booleans(),
    scale=st.sampled_from([1e-3, 1.0, 1e12]),
)
def test_a_line_is_forecast_exactly(now: float, hours: float, minutes: int, falls: bool, scale: float) -> None:
    limit = 0.0 if falls else 100.0 * scale
    slope = ((0 if falls else 100) - now) / hours * scale
    question = msgspec.structs.replace(QUESTION, limit=limit, falls=falls)
    shown = forecast(lambda hour: now * scale + slope * hour, minutes=minutes, question=question)
    span_hours = min(minutes - 1, 24 * 60) / 60
    if hours > 4 * span_hours:
        assert shown.state == NO_LIMIT_IN_SIGHT
        return
    if hours > 0.97 * 4 * span_hours:
        return  # the span of the means of the points is somewhat shorter than that of the points
    assert shown.state == LIMIT_IN_SIGHT
    assert shown.hours == pytest.approx(hours, rel=1e-4)
    assert shown.hours_earliest == pytest.approx(hours, rel=1e-4)
    assert shown.hours_latest == pytest.approx(hours, rel=1e-4)
    assert shown.value == pytest.approx(now * scale, rel=1e-4)
    assert shown.slope_per_hour == pytest.approx(slope, rel=1e-4)
    assert shown.span_s == pytest.approx(span_hours * HOUR_S, rel=0.03)


@pytest.mark.parametrize("deviation", [0.5, 2.0, 5.0])
def test_the_truth_is_within_19_of_20_intervals_of_a_noisy_line(deviation: float) -> None:
    inside = found = 0
    for seed in range(120):
        noise = gauss(random.Random(seed), deviation)
        shown = forecast(lambda hour, noise=noise: 70 + 20 * hour / 24 + noise(hour))
        if shown.state == LIMIT_IN_SIGHT:
            assert shown.hours is not None and shown.hours_earliest is not None
            found += 1
            inside += shown.hours_earliest <= 36 <= (shown.hours_latest or 96)
    assert found >= 0.7 * 120
    assert inside >= 0.9 * found


def test_a_few_spikes_change_little() -> None:
    shown = forecast(lambda hour: 500.0 if -hour % 10 > 9.9 else 70 + hour)
    assert shown.hours == pytest.approx(30, rel=0.02)


def test_a_trend_that_has_just_begun_is_forecast_from_a_shorter_window() -> None:
    noise = gauss(random.Random(1), 0.3)
    shown = forecast(lambda hour: 50 + max(0.0, 24 + 6 * hour) + noise(hour))  # for four hours
    assert shown.state == LIMIT_IN_SIGHT
    assert shown.hours == pytest.approx(26 / 6, rel=0.1)
    assert shown.span_s is not None and shown.span_s < 2 * HOUR_S


def test_what_is_at_its_limit_and_still_grows_has_no_hour_left() -> None:
    assert forecast(lambda hour: 101 + hour).hours == 0


def test_a_limit_beyond_the_horizon_is_not_in_sight_and_a_late_end_beyond_it_is_not_told() -> None:
    assert forecast(lambda hour: 20 + 8 * hour, minutes=120).state == NO_LIMIT_IN_SIGHT  # 10 h from 2 h of history
    noise = gauss(random.Random(0), 2.0)
    shown = forecast(lambda hour: 20 + 10.3 * hour + noise(hour), minutes=120)
    assert shown.state == LIMIT_IN_SIGHT
    assert shown.hours_latest is None


# ---- what is not --------------------------------------------------------------------------------------------------


def autocorrelated(correlation: float) -> MakeValue:
    """Noise of which each minute is like the one before, about 80 of 100."""

    def make(chance: random.Random) -> Value:
        level = 0.0

        def value(_: float) -> float:
            nonlocal level
            level = correlation * level + chance.gauss(0, sqrt(1 - correlation**2))
            return 80 + 5 * level

        return value

    return make


def long_tailed(chance: random.Random) -> Value:
    return lambda _: 80 + chance.gauss(0, 3) / max(0.05, abs(chance.gauss(0, 1)))


NOISES = {
    "independent": autocorrelated(0.0),
    "correlated": autocorrelated(0.9),
    "strongly correlated": autocorrelated(0.97),
    "long-tailed": long_tailed,
}


@pytest.mark.parametrize("minutes", [60, 360, DAY_MINUTES])
@pytest.mark.parametrize("noise", NOISES)
def test_noise_without_a_trend_has_no_limit_in_sight(noise: str, minutes: int) -> None:
    assert share_in_sight(NOISES[noise], times=60, minutes=minutes) <= 0.03


def stairs(count: int, deviation: float) -> MakeValue:
    """A value that jumps up at random hours, and stays."""

    def make(chance: random.Random) -> Value:
        jumps = [(-24 * chance.random(), chance.uniform(2, 20)) for _ in range(count)]
        return lambda hour: 30 + sum(height for at, height in jumps if hour >= at) + chance.gauss(0, deviation)

    return make


@pytest.mark.parametrize("deviation", [0.0, 1.0])
@pytest.mark.parametrize("count", [1, 2])
def test_steps_have_no_limit_in_sight(count: int, deviation: float) -> None:
    assert share_in_sight(stairs(count, deviation), times=100) <= 0.03


def test_a_warm_up_that_levelled_off_has_no_limit_in_sight() -> None:
    shown = forecast(lambda hour: 30 + 50 * (1 - exp(-(hour + 24) / 3)))
    assert (shown.state, shown.value) == (NO_LIMIT_IN_SIGHT, pytest.approx(80, abs=0.5))


def test_a_days_rise_is_forecast_only_where_it_passes_the_day_before() -> None:
    def make(chance: random.Random) -> Value:
        began = chance.uniform(0, 2 * pi)
        return lambda hour: 45 + 25 * sin(began + 2 * pi * hour / 24) + chance.gauss(0, 2)

    assert share_in_sight(make, times=100) <= 0.05


def test_what_fell_again_has_no_limit_in_sight_any_more() -> None:
    assert forecast(lambda hour: 80 + hour).state == LIMIT_IN_SIGHT
    assert forecast(lambda hour: 80 + hour if hour < -0.05 else 40.0).state == NO_LIMIT_IN_SIGHT


def test_what_shrinks_or_stays_has_no_limit_in_sight() -> None:
    for value in (lambda hour: 80 - hour, lambda _: 80.0, lambda _: 100.0):
        shown = forecast(value)
        assert (shown.state, shown.hours, shown.slope_per_hour) == (NO_LIMIT_IN_SIGHT, None, None)
    assert forecast(lambda _: 80.0).value == 80


@pytest.mark.parametrize("minutes", [0, 1, 2, 20, int(SPAN_MIN_S / 60) - 2])
def test_of_a_short_history_nothing_is_known(minutes: int) -> None:
    shown = forecast(lambda hour: 90 + 100 * hour, minutes=minutes)
    assert shown == Forecast(metric="memoryPercent", limit=100.0, state=TOO_FEW_POINTS)


def test_of_a_few_points_nothing_is_known_however_long_ago_they_began() -> None:
    points = history(lambda hour: 90 + hour)[::100]
    assert forecast_of(QUESTION, points, now_s=NOW_S).state == TOO_FEW_POINTS


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e5, 1e3), st.floats(-1e15, 1e15)), max_size=200),
    st.floats(-1e15, 1e15),
    st.booleans(),
)
def test_whatever_is_asked_the_numbers_are_in_order(
    points: list[tuple[float, float]], limit: float, falls: bool
) -> None:
    question = msgspec.structs.replace(QUESTION, limit=limit, falls=falls)
    shown = forecast_of(question, [(NOW_S + at_s, value) for at_s, value in sorted(points)], now_s=NOW_S)
    if shown.state == LIMIT_IN_SIGHT:
        assert shown.hours is not None and shown.hours_earliest is not None
        assert 0 <= shown.hours_earliest <= shown.hours <= (shown.hours_latest or shown.hours)
    else:
        assert shown.hours is None
    msgspec.json.decode(msgspec.json.encode(shown))


# ---- thinning -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-1e6, 0), st.floats(-1e6, 1e6)), max_size=300))
def test_points_are_thinned_to_means_in_the_order_of_time(points: list[tuple[float, float]]) -> None:
    points.sort()
    thin = thinned(points, POINTS_MAX)
    assert len(thin) <= min(len(points), POINTS_MAX)
    assert bool(thin) == bool(points)
    times = [at for at, _ in thin]
    assert times == sorted(set(times))
    if points:
        values = [value for _, value in points]
        assert min(values) - 1e-6 <= min(value for _, value in thin)
        assert max(value for _, value in thin) <= max(values) + 1e-6
