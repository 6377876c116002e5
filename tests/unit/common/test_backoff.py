"""How long to wait before the next try at most."""

from __future__ import annotations

import pytest

from common.backoff import longest_s


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0.1), (1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.0), (1_024, 1.0), (2_000, 1.0), (10**9, 1.0)],
)
def test_each_failure_doubles_the_wait_up_to_a_most_however_many_there_are(failures: int, seconds: float) -> None:
    assert longest_s(failures, first_s=0.1, most_s=1.0) == pytest.approx(seconds)
