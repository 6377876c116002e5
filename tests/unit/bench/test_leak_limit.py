"""What counts as a leak of a long run, and what as the noise and the warming up that every run has."""

from __future__ import annotations

import random

import pytest

from bench.leak_limit import Limit

RSS = Limit("resident memory", "MB", 10, 8)


def test_a_steady_value_with_noise_and_bursts_is_no_leak() -> None:
    draw = random.Random(18)
    values = [100 + draw.uniform(-3, 3) for _ in range(60)]
    values[50] = 400
    assert RSS.growth(values).verdict == "ok"


def test_what_fills_in_the_first_quarter_does_not_count() -> None:
    assert not RSS.growth([20.0, 60.0, *([100.0] * 6)]).is_leak


def test_a_value_that_keeps_growing_is_a_leak() -> None:
    growth = RSS.growth([100.0 + 2 * number for number in range(60)])
    assert (growth.early, growth.late, growth.verdict) == (144.0, 204.0, "GREW")
    assert growth.allowed == pytest.approx(144 * 1.1 + 8)


def test_a_growth_within_the_limit_is_none() -> None:
    assert not RSS.growth([100.0] * 6 + [118.0] * 2).is_leak
    assert RSS.growth([100.0] * 6 + [118.5] * 2).is_leak


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="7 samples, and 8 are needed"):
        RSS.growth([1.0] * 7)
