"""How many random examples the tests by Hypothesis take, where they say no number themselves."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = "RANDOM_EXAMPLES"  # the variable; 100 without it, as is usual for Hypothesis


def load_settings() -> None:
    number = int(os.environ.get(EXAMPLES) or 100)
    settings.register_profile(
        "tests", settings.default, deadline=None, max_examples=number, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("tests")
